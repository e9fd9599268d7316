"""The converter of a command, with every map compiled: a fault in a mapping is told before the first message."""

from __future__ import annotations

from collections.abc import Iterable

from segue.convert import Converter
from segue.mapping.source import MappingError
from segue.options import did_you_mean


class RulesError(Exception):
    """The mappings cannot be used, or a site is not among them: what is wrong (where) – what to do."""


def converter_for(sites: Iterable[str | None] = ()) -> Converter:
    """A converter that knows these sites; raises RulesError."""
    try:
        converter = Converter()
        known = sorted(converter.pack.sites)
        for site in sites:
            if site is not None and site not in known:
                raise RulesError(f"no such site – {did_you_mean(site, known) if known else 'none is loaded.'}")
        for site in (None, *known):
            converter.compiled(site)
    except MappingError as error:
        raise RulesError(str(error)) from None
    return converter
