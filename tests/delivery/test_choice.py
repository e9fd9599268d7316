"""What a `deliver` setting means."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.delivery.choice import target_for
from segue.delivery.fhir import FhirServer
from segue.delivery.folder import Folder
from segue.delivery.ndjson import Ndjson


@pytest.mark.parametrize(
    ("value", "kind"), [("{}/out", Folder), ("{}/out.ndjson", Ndjson), ("https://fhir.example.org/r4", FhirServer)]
)
async def test_target_by_value(tmp_path: Path, value: str, kind: type) -> None:
    target = target_for(value.format(tmp_path))
    assert isinstance(target, kind)
    await target.close()


def test_a_folder_that_cannot_be_made_speaks(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"exists|directory"):
        target_for(str(tmp_path / "file" / "out"))
