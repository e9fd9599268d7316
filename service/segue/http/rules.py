"""The rules in force: the pack's name and version, what it supports, and one digest over maps, sites and terminology
(A-73)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from segue.convert import Converter


@dataclass(frozen=True, slots=True)
class Rules:
    """What a client may pin: the same digest means the same output for the same bytes."""

    name: str
    version: str
    digest: str  # "sha256:…"
    messages: tuple[str, ...]
    sites: tuple[str, ...]

    @classmethod
    def of(cls, converter: Converter) -> Rules:
        pack = converter.pack
        digest = hashlib.sha256(converter.digest.encode()).hexdigest()
        return cls(pack.name, pack.version, f"sha256:{digest}", converter.messages, tuple(sorted(pack.sites)))

    @property
    def header(self) -> str:
        """V2fhir-Pack."""
        return f'{self.name}@{self.version}; digest="{self.digest}"'

    @property
    def etag(self) -> str:
        return f'"{self.digest}"'

    def answers_to(self, reference: str) -> bool:
        """True for the name, `name@version` and `name@sha256:…`."""
        return reference in (self.name, f"{self.name}@{self.version}", f"{self.name}@{self.digest}", self.digest)
