"""What XHTML R4 takes in a Narrative (txt-1, txt-2): well formed, only basic formatting, not empty."""

from __future__ import annotations

import re
from xml.etree import ElementTree

XHTML = "{http://www.w3.org/1999/xhtml}"
NAMES = frozenset(
    (
        "a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd",
        "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre",
        "q", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
        "tt", "ul", "var",
    )
)  # fmt: skip
ATTRIBUTES = frozenset(
    (
        "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding", "cellspacing",
        "cellvalign", "char", "charoff", "charset", "cite", "class", "colspan", "compact", "coords", "dir", "frame",
        "headers", "height", "href", "hreflang", "hspace", "id", "lang", "longdesc", "name", "nowrap", "rel", "rev",
        "rowspan", "rules", "scope", "shape", "span", "src", "start", "style", "summary", "tabindex", "title", "type",
        "valign", "value", "vspace", "width",
    )
)  # fmt: skip
REFUSED = re.compile(r"<!(?:DOCTYPE|ENTITY)|<\?", re.IGNORECASE)


def is_safe(div: str) -> bool:
    """Whether R4 takes this `div`; a document type, which could name entities, is never parsed."""
    if REFUSED.search(div):
        return False
    try:
        root = ElementTree.fromstring(div)
    except ElementTree.ParseError:
        return False
    if root.tag != XHTML + "div":
        return False
    for node in root.iter():
        known = node.tag.startswith(XHTML) and node.tag.removeprefix(XHTML) in NAMES
        if not known or any(name not in ATTRIBUTES and not name.startswith("{") for name in node.attrib):
            return False
    return any(text.strip() for text in root.itertext()) or root.find(f".//{XHTML}img") is not None
