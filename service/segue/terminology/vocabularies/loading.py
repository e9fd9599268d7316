"""Loading a release into the local index: the kind is found by its files, the rows are streamed, the finish is a swap (T-70).

    release ▸ kind ▸ stages of lines ▸ NAME.part (resumable) ▸ NAME.db

The old index of a vocabulary serves on until the new one is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from segue.terminology.vocabularies import codesystem, cvx, loinc, rxnorm, snomed
from segue.terminology.vocabularies.part import Part
from segue.terminology.vocabularies.release import Lines, Member, Release, VocabularyError

ROWS_AT_ONCE = 20_000  # rows of one commit: what a killed load has to do again

Progress = Callable[[str, float], None]  # what is being done, how much of it: 0 to 1
Reader = Callable[[int, Lines, int, Part], Iterator[None]]


class Kind(NamedTuple):
    """A release, recognised: what it becomes, the members that are read one after the other, and what reads them."""

    name: str  # of the index file
    system: str
    version: str
    members: tuple[Member, ...]
    read: Reader


class Loaded(NamedTuple):
    """What a load has made."""

    kind: Kind
    file: Path
    resumed: bool


def recognised(release: Release) -> Kind:
    """The vocabulary of a release; raises VocabularyError for what is none."""
    for form in (loinc, snomed, rxnorm, cvx):
        members = form.stages(release)
        if members is not None:
            return Kind(form.NAME, form.SYSTEM, form.version(release, members), members, form.read)
    members = codesystem.stages(release)
    if members is not None:
        with release.open(members[0]) as stream:
            resource = codesystem.parsed(Lines(stream, members[0].name).rest(codesystem.LARGEST_BYTES))
        url = str(resource["url"])
        return Kind(codesystem.name_of(url), url, str(resource.get("version", "")), members, codesystem.read)
    raise VocabularyError(
        f"no vocabulary is recognised ({release.path}) – taken are LOINC CSV, SNOMED CT RF2 snapshots, RxNorm RRF, "
        "CVX text or XML of the CDC, and a FHIR CodeSystem as JSON"
    )


def load(path: Path, folder: Path, progress: Progress = lambda _what, _share: None) -> Loaded:
    """Loads the release at a path into `folder`; raises VocabularyError. A load that was killed goes on where it stood."""
    with Release(path) as release:
        kind = recognised(release)
        part = Part(folder / f"{kind.name}.part", release.fingerprint(kind.members))
        resumed = (part.stage, part.position) != (0, 0)
        try:
            part.say("system", kind.system)
            part.latest(kind.version)
            _read(release, kind, part, progress)
            file = folder / f"{kind.name}.db"
            part.finish(len(kind.members), file, lambda share: progress("index", share))
        finally:
            part.close()
    return Loaded(kind, file, resumed)


def _read(release: Release, kind: Kind, part: Part, progress: Progress) -> None:
    for stage in range(part.stage, len(kind.members)):
        member, start = kind.members[stage], part.position
        with release.open(member) as stream:
            lines = Lines(stream, member.name)
            for number, _ in enumerate(kind.read(stage, lines, start, part), 1):
                if number % ROWS_AT_ONCE == 0:
                    part.commit(stage, lines.position)
                    progress(member.base, lines.position / max(1, member.size_bytes))
        part.commit(stage + 1, 0)
        progress(member.base, 1.0)
