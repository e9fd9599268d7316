"""The nodes of the settings that say what is known of codes: loaded vocabularies, a terminology server, the inbox (T-31, T-60, T-70)."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from segue.settings.node import Database, Node, Stored

Policy = Literal["keep", "text", "queue", "reject"]
Equivalence = Literal["wider", "narrower", "inexact", "relatedto", "specializes", "subsumes"]


class LocalSystem(Node):
    """The URI of a local coding system, as the terminology server knows it. Two senders' `L` are never one system."""

    name: str = Field(min_length=1, description="The name as sent: L, 99LAB.")
    uri: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$", description="What the server calls it.")
    sender: str = Field(default="", description="MSH-3.1|MSH-4.1; empty: every sender.")


DEMONSTRATIONS = frozenset(("tx.fhir.org", "hapi.fhir.org", "r4.ontoserver.csiro.au", "snowstorm.ihtsdotools.org"))


class Remote(Node):
    """A FHIR terminology server that is asked for what no map knows. A bonus: conversion never depends on it (T-31)."""

    url: str | None = Field(default=None, pattern=r"^https?://", description="Base URL of the server; none: off.")
    demonstration: bool = Field(
        default=False,
        description="Use a public demonstration server. Codes of your senders leave for a stranger (T-36).",
    )
    dialect: Literal["auto", "r4", "r5"] = Field(
        default="auto", description="Words of $translate; auto: by the server's CapabilityStatement (T-32)."
    )
    map: str | None = Field(
        default=None, description="Canonical URL of the ConceptMap to use; none: the server chooses."
    )
    target: str = Field(default="", description="URI of the system that local codes are translated into; empty: any.")
    targets: tuple[str, ...] = Field(
        default=(
            "http://loinc.org",
            "http://snomed.info/sct",
            "http://unitsofmeasure.org",
            "http://www.nlm.nih.gov/research/umls/rxnorm",
            "http://hl7.org/fhir/*",
            "http://terminology.hl7.org/CodeSystem/*",
        ),
        description="Systems whose codes are taken from the server; * ends a beginning (T-36).",
    )
    systems: tuple[LocalSystem, ...] = Field(default=(), description="Local coding systems that it is asked about.")
    displays: bool = Field(
        default=False,
        description="Ask it too, in the background, what mapped codes without a display are called (T-38).",
    )
    token_file: str | None = Field(default=None, description="File with a bearer token.")
    timeout_s: float = Field(default=2, gt=0, description="Longest time for one try (T-33).")
    tries: int = Field(default=2, ge=1, le=5, description="Tries for one question (T-33).")
    wait_s: float = Field(
        default=2.5, ge=0, description="Longest time that one message waits for answers; 0: the next one has them."
    )
    cache: str = Field(default="terminology-cache.db", description="File of the answers (T-34).")

    @model_validator(mode="after")
    def _no_demonstration(self) -> Remote:
        host = urlsplit(self.url or "").hostname
        if host in DEMONSTRATIONS and not self.demonstration:
            raise ValueError(
                f"{host} is a public demonstration server – set demonstration: true to use it all the same"
            )
        return self


class Terminology(Node):
    """What is known of codes beyond the maps that ship (T-31, T-70)."""

    folder: str | None = Field(
        default=None, description="Folder of tables, maps, units and systems that stand before those that ship (T-20)."
    )
    unmapped: Policy = Field(default="keep", description="What becomes of a code without a translation (R-UNM).")
    policies: dict[str, Policy] = Field(
        default={}, description="The same for single fields (OBX-3) and tables (AdministrativeSex, UCUM for units)."
    )
    equivalences: tuple[Equivalence, ...] = Field(
        default=(), description="Translations that are applied, marked, though not exact (T-25)."
    )
    vocabularies: str = Field(
        default="vocabularies", description="Folder of the vocabularies that `segue terminology load` has indexed."
    )
    remote: Remote = Remote()


class Inbox(Stored):
    """The inbox of codes that nobody could translate (T-60)."""

    url: Database | None = Field(
        default=None,
        description="A file, or postgresql://USER@HOST/DATABASE; without it unmapped codes are not counted.",
    )
    counts: str | None = Field(
        default=None,
        description="Folder of a local disk that holds what is not yet counted; FILE.counts for a file, needed with PostgreSQL.",
    )

    @model_validator(mode="after")
    def _with_a_folder(self) -> Inbox:
        if self.url and self.url.startswith("postgresql") and not self.counts:
            raise ValueError("counts on their way to PostgreSQL need a local folder – give counts: FOLDER")
        return self
