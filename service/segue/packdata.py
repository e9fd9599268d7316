"""Where the data that travels with the package lies: beside the source in a checkout, inside the package in a wheel."""

from __future__ import annotations

from pathlib import Path


def data_folder(name: str) -> Path:
    """The folder `mappings` or `terminology`. Raises FileNotFoundError when the installation lacks it."""
    package = Path(__file__).resolve().parent
    for folder in (package / "data" / name, package.parent.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the installation has no {name} folder")
