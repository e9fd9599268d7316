"""A secret by reference: read from its file or its variable when it is used, so that a new one counts at once (O-42).

Nothing here is ever logged or rendered; an error names where the secret should be, not what was there.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class SecretError(Exception):
    """A secret that cannot be read: where it should be – what to do."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is."""

    file: str | None = None
    variable: str | None = None

    @classmethod
    def of(cls, node: Any, stem: str) -> Secret | None:
        """The secret that a settings node names as STEM_file or STEM_env, None where it names none."""
        file, variable = getattr(node, f"{stem}_file"), getattr(node, f"{stem}_env")
        return cls(file, variable) if file is not None or variable is not None else None

    def read(self) -> bytes:
        """The secret without the line end of its file; raises SecretError."""
        if self.file is None:
            found = os.environ.get(self.variable or "")
            if not found:
                raise SecretError(f"{self.variable} is not set – put the secret into this variable")
            return found.encode()
        try:
            found = Path(self.file).read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise SecretError(f"{self.file} cannot be read: {error.strerror} – put the secret there") from None
        if not found:
            raise SecretError(f"{self.file} is empty – put the secret there")
        return found

    def text(self) -> str:
        """As `read`, as text."""
        try:
            return self.read().decode()
        except UnicodeDecodeError:
            raise SecretError(f"{self.file} is not UTF-8 text – put the secret there as text") from None

    @property
    def exposed(self) -> bool:
        """True where every user of this machine may read the file."""
        if self.file is None:
            return False
        try:
            return bool(Path(self.file).stat().st_mode & stat.S_IROTH)
        except OSError:
            return False
