"""The converter of a command, with every map compiled: a fault in a mapping is told before the first message."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from segue.convert import Converter
from segue.mapping.source import MappingError
from segue.options import did_you_mean
from segue.terminology import TerminologyError, Translator
from segue.terminology.vocabularies import Vocabularies, VocabularyError


class RulesError(Exception):
    """The mappings cannot be used, or a site is not among them: what is wrong (where) – what to do."""


def converter_for(
    sites: Iterable[str | None] = (), vocabularies: str | None = None, translator: Translator | None = None
) -> Converter:
    """A converter that knows these sites, the vocabularies of a folder and a translator; raises RulesError."""
    try:
        index = Vocabularies(Path(vocabularies)) if vocabularies is not None else None
        converter = Converter(translator=translator, displays=index if index is not None and index.editions else None)
        known = sorted(converter.pack.sites)
        for site in sites:
            if site is not None and site not in known:
                raise RulesError(f"no such site – {did_you_mean(site, known) if known else 'none is loaded.'}")
        converter.check()
    except FileNotFoundError as error:
        raise RulesError(f"{error} – name a folder that is there") from None
    except (MappingError, TerminologyError, VocabularyError) as error:
        raise RulesError(str(error)) from None
    return converter
