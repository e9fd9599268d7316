"""Sites: which senders a dialect is for, and the settings and files it brings (R-Z, §5 of the mapping language)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from segue.hl7 import Message
from segue.terminology.translation import LOOSE

from .source import Fields, MappingError, Node, Place, Scalar, list_of, read, strings_of, text_of
from .times import zone_named

SELECTORS = ("MSH-3", "MSH-4", "MSH-9", "MSH-12")
CHOICES = {
    "residue": ("report", "extension", "off"),
    "msh7_offset": ("use", "ignore"),
    "narrative": ("generated", "none"),
    "update": ("put", "create"),
    "orders_in_results": ("auto", "always", "never"),
}
SWITCHES = frozenset(("authoritative", "client_ids"))  # true or false
SETTINGS = frozenset(("timezone", "country", "code_system_base", "identifier_base", *CHOICES, *SWITCHES))
POLICIES = ("keep", "text", "queue", "reject")


@dataclass(slots=True)
class Site:
    """One folder of sites/: its selector, its settings, its overlays."""

    name: str
    match: dict[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )  # MSH field ▸ values, * as wildcard
    settings: dict[str, str] = field(default_factory=dict[str, str])
    unmapped: dict[str, str] = field(default_factory=dict[str, str])  # field, table or "" ▸ policy (R-UNM)
    equivalences: tuple[str, ...] = ()  # applied beside equal and equivalent (T-25)
    places: dict[str, Place] = field(default_factory=dict[str, Place])  # of the keys of `unmapped`
    files: dict[str, Fields] = field(default_factory=dict[str, Fields])
    folder: Path | None = None

    def applies(self, message: Message) -> bool:
        """True when every selector field holds one of its values; a site without selector is chosen by name only."""
        if not self.match:
            return False
        for name, values in self.match.items():
            number = int(name.split("-")[1])
            raw = message.header.raw(number)
            first = message.header.leaf(number) or ""
            if not any(re.fullmatch(re.escape(v).replace(r"\*", ".*"), t) for v in values for t in (raw, first)):
                return False
        return True


def read_site(folder: Path) -> Site:
    """Reads one site; raises MappingError naming the site's own file and line."""
    site = Site(folder.name, folder=folder)
    about = folder / "site.yaml"
    if about.exists():
        tree = read(about, f"sites/{folder.name}/site.yaml")
        for key, node in tree.entries.items():
            if key == "match":
                for option in list_of(node):
                    if not isinstance(option, Fields):
                        raise MappingError("match holds MSH fields and values", option.place)
                    for selector, values in option.entries.items():
                        if selector not in SELECTORS:
                            raise MappingError(f"no selector {selector!r}", option.at(selector), ", ".join(SELECTORS))
                        site.match[selector] = tuple(strings_of(values, selector))
            elif key == "unmapped":
                _policies(site, node, tree.at(key))
            elif key == "equivalences":
                site.equivalences = tuple(_equivalence(text, tree.at(key)) for text in strings_of(node, key))
            elif key in SETTINGS:
                _check(key, node)
                flag = isinstance(node, Scalar) and isinstance(node.value, bool)
                site.settings[key] = (
                    str(node.value).lower() if flag and isinstance(node, Scalar) else text_of(node, key)
                )
            else:
                known = sorted((*SETTINGS, "unmapped", "equivalences", "match"))
                raise MappingError(f"no setting {key!r}", tree.at(key), ", ".join(known))
    for kind in ("datatypes", "segments", "messages"):
        for path in sorted((folder / kind).glob("*.yaml")):
            site.files[f"{kind}/{path.stem}"] = read(path, f"sites/{folder.name}/{kind}/{path.name}")
    return site


def _policies(site: Site, node: Node, place: Place) -> None:
    """`unmapped: queue`, or policies by field and table with `else` for the others."""
    entries = node.entries if isinstance(node, Fields) else {"else": node}
    for name, value in entries.items():
        policy = value.value if isinstance(value, Scalar) else None
        if policy not in POLICIES:
            near = get_close_matches(str(policy), POLICIES, 1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(POLICIES)}"
            raise MappingError(f"{policy!r} is no policy for unmapped codes", value.place, hint)
        key = "" if name == "else" else name
        site.unmapped[key] = str(policy)
        site.places[key] = value.place if isinstance(node, Fields) else place


def _equivalence(text: str, place: Place) -> str:
    if text not in LOOSE:
        raise MappingError(f"{text!r} is no equivalence that may be allowed", place, ", ".join(sorted(LOOSE)))
    return text


def _check(key: str, node: Node) -> None:
    """A value that would otherwise be found wrong by the first message."""
    value = getattr(node, "value", None)
    known = CHOICES.get(key)
    if known is not None and value not in known:
        near = get_close_matches(str(value), known, 1)
        raise MappingError(
            f"{value!r} is no {key}", node.place, f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
        )
    if key in SWITCHES and not isinstance(value, bool):
        raise MappingError(f"{value!r} is no {key}", node.place, "true or false")
    if key == "timezone":
        try:
            zone_named(text_of(node, key))
        except ValueError as error:
            raise MappingError(f"{value!r} is {error}", node.place) from None


def selected(sites: dict[str, Site], message: Message) -> str | None:
    """The site of a message: the one with the most selectors among those that apply."""
    found = [s for s in sites.values() if s.applies(message)]
    return max(found, key=lambda s: len(s.match)).name if found else None


__all__ = ["Place", "Site", "read_site", "selected"]
