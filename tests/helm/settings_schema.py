"""The chart's `config` is the program's settings file: the part of values.schema.json that follows from the settings.

Run as a program it writes that part into the chart; the test beside it compares. Knows nothing of Kubernetes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segue.settings import Settings

CHART = Path(__file__).parents[2] / "helm" / "segue"
FILE = CHART / "values.schema.json"


def _plain(node: Any) -> Any:
    """Without titles and defaults: the chart has its own, and some depend on the machine."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "properties" in node:
        node = {**node, "properties": {name: _plain(value) for name, value in node["properties"].items()}}
        return {key: value if key == "properties" else _plain(value) for key, value in node.items() if key != "title"}
    return {key: _plain(value) for key, value in node.items() if key not in {"title", "default"}}


def parts() -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of `config`, and the definitions it refers to."""
    schema = _plain(Settings.model_json_schema())
    definitions = schema.pop("$defs")
    schema["required"] = ["http", "listeners", "drain"]  # the chart's templates read these
    definitions["Http"]["required"] = ["port"]
    definitions["Listener"]["required"] = ["port"]
    definitions["Drain"]["required"] = ["delay_s", "silence_s", "grace_s"]
    schema["properties"]["listeners"]["minItems"] = 1
    return schema, definitions


def main() -> None:
    schema = json.loads(FILE.read_text())
    schema["properties"]["config"], schema["$defs"] = parts()
    FILE.write_text(json.dumps(schema, indent=2) + "\n")


if __name__ == "__main__":
    main()
