"""Writes the Kubernetes schemas of the package `kubernetes-validate` in the form that kubeconform looks for offline.

    python kubernetes_schemas.py VERSION FOLDER

The package refers to its definitions by a path of its own; kubeconform wants them beside the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import kubernetes_validate


def main(version: str, folder: Path) -> None:
    source = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{version}-local-strict"
    files = sorted(source.glob("*.json"))
    if not files:
        sys.exit(f"kubernetes-validate has no schemas of Kubernetes {version}: {source} is empty")
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        schema = json.loads(file.read_text().replace('"/api/_definitions.json#', '"_definitions.json#'))
        schema.pop("$id", None)
        (folder / file.name).write_text(json.dumps(schema))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
