"""The converter of a command, with every map compiled: a fault in a mapping is told before the first message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from segue.convert import Converter
from segue.mapping.context import Options
from segue.options import did_you_mean
from segue.reloading import FAULTS, Reloading, RuleFiles
from segue.settings import Settings
from segue.terminology import Translator
from segue.terminology.vocabularies import Vocabularies, VocabularyError


class RulesError(Exception):
    """The mappings cannot be used, or a site is not among them: what is wrong (where) – what to do."""


def converter_for(
    sites: Iterable[str | None] = (),
    vocabularies: str | None = None,
    files: RuleFiles | None = None,
    translator: Translator | None = None,
    *,
    reload: bool = False,
) -> Converter:
    """A converter that knows these sites and the vocabularies of a folder and a translator, by the rule files given; raises RulesError.

    With `reload` it follows its files.
    """
    try:
        index = Vocabularies(Path(vocabularies)) if vocabularies is not None else None
        displays = index if index is not None and index.editions else None
        files = replace(files or RuleFiles(), displays=displays, translator=translator)
        converter = Reloading(files) if reload and files.watched else files.converter()
    except (*FAULTS, VocabularyError) as error:
        raise RulesError(str(error)) from None
    known = sorted(converter.pack.sites)
    for site in sites:
        if site is not None and site not in known:
            raise RulesError(f"no such site – {did_you_mean(site, known) if known else 'none is loaded.'}")
    return converter


def rule_files(settings: Settings) -> RuleFiles:
    """Where the settings say that rules lie, and what they say of codes without a translation."""
    about = settings.terminology
    policies = {**about.policies, **({"": about.unmapped} if about.unmapped != "keep" else {})}
    return RuleFiles(
        Path(settings.pack) if settings.pack else None,
        Path(about.folder) if about.folder else None,
        Path(settings.sites) if settings.sites else None,
        Options(unmapped=policies, loose=frozenset(about.equivalences)),
    )
