"""Which target a `deliver` setting means: the URL of a FHIR server, a file NAME.ndjson, or a folder."""

from __future__ import annotations

from pathlib import Path

from segue.delivery.fhir import FhirServer
from segue.delivery.folder import Folder
from segue.delivery.ndjson import Ndjson
from segue.delivery.target import Target


def target_for(deliver: str) -> Target:
    """Opens the target; raises OSError where a file or folder cannot be made. To be called in a running event loop."""
    if deliver.startswith(("http://", "https://")):
        return FhirServer(deliver)
    path = Path(deliver)
    return Ndjson(path) if path.suffix == ".ndjson" else Folder(path)
