"""Narratives: the text of a resource for a reader, by Jinja templates of the pack (`narratives/Patient.html`).

A template sees the finished resource as `resource` and nothing else: no message, no Python (sandboxed), every value
escaped. A resource without a template of its own gets `default.html`. What R4 does not take as a div is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, DictLoader, Template, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from .records import Json
from .source import MappingError, Place

DEFAULT = "default"
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
BLANK = re.compile(r"\s*\n\s*")
NAMESPACE = '<div xmlns="http://www.w3.org/1999/xhtml">'


def readable(value: Any) -> Any:
    """What stands in the text for a value: nothing for none, no character that XML refuses."""
    if value is None:
        return ""
    if isinstance(value, Markup):  # made by a macro, of values that went through here
        return value
    return NOT_XML.sub("\ufffd", value) if isinstance(value, str) else value


class Narratives:
    """The templates of a pack."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        """Compiles the templates by name of resource type; raises MappingError with file:line."""
        environment = ImmutableSandboxedEnvironment(
            loader=DictLoader(dict(templates)),
            autoescape=True,
            undefined=ChainableUndefined,
            finalize=readable,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates: dict[str, Template] = {}
        for name in templates:
            try:
                self._templates[name] = environment.get_template(name)
            except TemplateSyntaxError as error:
                file = f"narratives/{error.name or name}.html"
                raise MappingError(error.message or "no template", Place(file, error.lineno)) from None

    @classmethod
    def load(cls, folder: Path) -> Narratives:
        """The templates of a pack's folder."""
        return cls({path.stem: path.read_text("utf-8") for path in sorted((folder / "narratives").glob("*.html"))})

    def told(self, resource: Json) -> Json:
        """The resource with its text; itself where there is none to tell."""
        template = self._templates.get(resource["resourceType"]) or self._templates.get(DEFAULT)
        body = BLANK.sub("\n", template.render(resource=resource)).strip() if template is not None else ""
        if not body:
            return resource
        return {**resource, "text": {"status": "generated", "div": f"{NAMESPACE}{body}</div>"}}
