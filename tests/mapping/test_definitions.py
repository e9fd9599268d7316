"""Each extension of the project's own has a StructureDefinition, and stands only where that allows (R-EXT-1, R-EXT-2)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from fhir.resources.R4B.structuredefinition import StructureDefinition

from segue.conversion import Conversion
from segue.convert import Converter, convert_many
from segue.fhir import elements
from segue.mapping.source import Fields, Items, Node, list_of
from segue.packdata import data_folder

Json = dict[str, Any]
Use = tuple[str, str, str]  # extension, what it stands on, kind of its value

ROOT = Path(__file__).parents[2]
CODE = ROOT / "service" / "segue" / "mapping"
PAGE = ROOT / "docs" / "residue-and-extensions.md"
EXAMPLES = sorted((ROOT / "examples").glob("*.hl7"))
BASE = "urn:segue:StructureDefinition:"
FILES = sorted((data_folder("mappings") / "definitions").iterdir(), key=lambda file: file.stem)
DEFINITIONS: dict[str, Json] = {file.stem.partition("-")[2]: json.loads(file.read_bytes()) for file in FILES}
UNUSED = {"order-control-reason"}  # for sites: our own maps find a status reason in R4 for ORC-16

MESSAGES = {
    "ADT^A01^ADT_A01": (
        "EVN||20240310101500|20240310",
        "PID|1||7001^3^M11^WARD^MR^SOUTH||Fennick^Odalys||19800102|F||W|||^PRN^PH^^^^5550123^^after six|||||||||N|||||VET||||Y",
        "PD1|||||||||||F",
        "NK1|1|||||||||||Fennick Mill^L",
        "PV1|1|I|4WEST^^^^OPEN^^^^^^WARDS|||||||||||||||||PAY|||||||||||||||||||||OPEN",
        "PV2||SEMI||MOVE|RING||U1~U2|||4||short stay|||||||||||CLINIC||||||||WEEKLY|||||||||ACUTE",
        "GT1|1||Fennick^Pell|||||||||||||Fennick Mill^^^^^^L||5550188",
        "IN1|1|PLAN|CO1|||||||||||A-77^20240301^desk",
        "PR1|1||1234^Cast^99WARD^^plaster||20240310|||||||||||LT~RT",
    ),
    "ORM^O01^ORM_O01": (
        "PID|1||7001^^^WARD^MR||Fennick^Odalys",
        "ORC|NW|P1|||||||||||||||||||||||MOD",
        "OBR|1|P1||1234^Culture^L||||||||HAZ|||SER^^^ARM^LEFT^^PAT|||p 1|p 2|f 1|f 2|||||||||WALK",
    ),
    "ORU^R01^ORU_R01": (
        "PID|1||7001^^^WARD^MR||Fennick^Odalys",
        "OBR|1|P1|F1|1234^Culture^L||||||||||||||p 1|p 2|f 1|f 2|||20240310|||F",
        "OBX|1|ST|1234^Culture^L||none||||||F|||20240310|PROD||||||||Mill Laboratory^L",
        "SPM|1|S1||SER|ADD||||LEFT|||P",
    ),
}


def own(converter: Converter) -> set[str]:
    """The names of extensions.yaml that stand for the project's own base."""
    return {name for name, url in converter.pack.extensions.items() if url.startswith("segue:")}


def coded() -> set[str]:
    """The names that functions write without asking the registry."""
    name = re.compile(r'(?:extension_base \+ "|\{base\})([a-z0-9]+(?:-[a-z0-9]+)*)"')
    return {found for file in CODE.rglob("*.py") for found in name.findall(file.read_text("utf-8"))}


def written(node: Node, owner: str) -> Iterator[Use]:
    """The extensions that a mapping file writes."""
    if isinstance(node, Items):
        for item in node.items:
            yield from written(item, owner)
    elif isinstance(node, Fields):
        for key, below in node.entries.items():
            if key == "extension" and isinstance(below, Fields):
                for name, options in below.entries.items():
                    for option in list_of(options):
                        assert isinstance(option, Fields)
                        yield from ((name, owner, kind) for kind in option.entries if not kind.startswith("$"))
            else:
                element = elements.element(owner, key)
                chosen = key if elements.elements(key) else owner
                yield from written(below, element.types[0] if element else chosen)


def placed(node: Json, owner: str) -> Iterator[Use]:
    """The project's extensions in a resource."""
    for extension in node.get("extension", ()):
        if extension["url"].startswith(BASE):
            kind = next(key for key in extension if key != "url")
            yield extension["url"].removeprefix(BASE), owner, kind
    for key, value in node.items():
        for inner in cast(list[Any], value) if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                below = cast(Json, inner)
                yield from placed(below, below.get("resourceType") or type_of(owner, key))


def type_of(owner: str, key: str) -> str:
    element = elements.element(owner, key.removeprefix("_"))
    if element is None:  # only primitives have no row for it
        assert key == "extension", (owner, key)
        return "Extension"
    return element.types[0]


def contexts(name: str) -> set[str]:
    return {context["expression"] for context in DEFINITIONS[name]["context"] if context["type"] == "element"}


def rows(name: str) -> dict[str, Json]:
    return {row["id"]: row for row in DEFINITIONS[name]["differential"]["element"]}


def kinds(name: str) -> set[str]:
    """The types that a definition gives its value; none where it holds extensions."""
    return {option["code"] for option in rows(name)["Extension.value[x]"].get("type", ())}


def allowed(use: Use) -> bool:
    name, owner, kind = use
    if name not in DEFINITIONS:
        return False
    stands = owner in contexts(name) or (
        "DomainResource" in contexts(name) and elements.is_resource(owner) and "extension" in elements.elements(owner)
    )
    keys = {"value" + code[0].upper() + code[1:] for code in kinds(name)} or {"extension"}
    return stands and kind in keys


@pytest.fixture(scope="module")
def uses(base: Converter) -> set[Use]:
    """What the mapping files that ship write of the project's extensions."""
    names = own(base)
    found = (
        use
        for file, tree in base.pack.files.items()
        if not file.startswith("messages/")
        for use in written(tree, file.partition(".")[2].partition("-")[0])
    )
    return {use for use in found if use[0] in names}


def test_R_EXT_1_each_extension_of_our_own_has_a_definition(base: Converter) -> None:
    assert set(DEFINITIONS) == own(base) | coded()


def test_R_EXT_2_the_files_that_write_an_extension_are_found(base: Converter, uses: set[Use]) -> None:
    assert {name for name, _, _ in uses} | coded() == set(DEFINITIONS) - UNUSED


@pytest.mark.parametrize("name", DEFINITIONS)
def test_R_EXT_1_a_definition_is_a_valid_resource(name: str) -> None:
    found = json.loads(StructureDefinition.model_validate(DEFINITIONS[name]).model_dump_json())
    assert found == DEFINITIONS[name]


@pytest.mark.parametrize("name", DEFINITIONS)
def test_R_EXT_1_a_definition_defines_its_extension(name: str) -> None:
    definition = DEFINITIONS[name]
    head = ("id", "url", "status", "fhirVersion", "kind", "abstract", "type", "baseDefinition", "derivation")
    assert [definition[key] for key in head] == [
        name,
        BASE + name,
        "active",
        "4.0.1",
        "complex-type",
        False,
        "Extension",
        "http://hl7.org/fhir/StructureDefinition/Extension",
        "constraint",
    ]
    assert re.fullmatch(r"[A-Z]\w*", definition["name"])  # sdf-0
    assert definition["version"]
    assert rows(name)["Extension.url"]["fixedUri"] == BASE + name
    assert all(row["path"] == re.sub(r":\w+", "", key) for key, row in rows(name).items())


@pytest.mark.parametrize("name", sorted(set(DEFINITIONS) - {"v2-field"}))
def test_R_EXT_2_a_definition_names_its_v2_field_and_one_type(name: str) -> None:
    assert re.match(r"[A-Z][A-Z0-9]{1,2}-\d+", DEFINITIONS[name]["description"])
    assert rows(name)["Extension"]["short"] == DEFINITIONS[name]["description"].rstrip(".")
    assert rows(name)["Extension.extension"]["max"] == "0"
    assert len(kinds(name)) == 1


@pytest.mark.parametrize("name", DEFINITIONS)
def test_R_EXT_3_contexts_are_elements_of_R4(name: str) -> None:
    assert all(context == "DomainResource" or elements.elements(context) for context in contexts(name))


def test_R_KEEP_1_v2_field_holds_path_and_value() -> None:
    found = rows("v2-field")
    assert found["Extension.value[x]"]["max"] == "0"
    for part in ("path", "value"):
        row = f"Extension.extension:{part}"
        assert (found[row]["sliceName"], found[row]["min"], found[row]["max"]) == (part, 1, "1")
        assert found[f"{row}.url"]["fixedUri"] == part
        assert found[f"{row}.value[x]"]["type"] == [{"code": "string"}]


def test_R_EXT_3_a_definition_allows_what_the_maps_write_and_no_more(uses: set[Use]) -> None:
    names = {name for name, _, _ in uses}
    assert uses == {(name, context, kind) for name in names for context in contexts(name) for kind in kinds(name)}


def test_R_EXT_3_extensions_of_the_examples_stand_where_they_may() -> None:
    wrong: list[tuple[str, Use]] = []
    for file in EXAMPLES:
        for made in convert_many(file, residue="extension"):
            assert isinstance(made, Conversion), file
            wrong += [(file.stem, use) for use in placed(made.bundle, "Bundle") if not allowed(use)]
    assert wrong == []


def test_R_EXT_3_every_extension_stands_where_it_may(base: Converter, er7: Callable[..., bytes]) -> None:
    found: set[Use] = set()
    for kind, segments in MESSAGES.items():
        raw = er7(*segments, kind=kind).replace(b"|P|2.5.1\r", b"|P|2.5.1|7||AL|NE|CAN|ASCII|||WARD-1^NORTH\r", 1)
        raw = raw.replace(b"||ADT^", b"|KEY|ADT^", 1)
        made = base.convert(raw, residue="extension")
        found |= set(placed(made.bundle, "Bundle"))
    assert {use for use in found if not allowed(use)} == set()
    assert {name for name, _, _ in found} == set(DEFINITIONS) - UNUSED


@pytest.mark.parametrize(
    "use",
    [
        ("order-control", "Patient", "valueCodeableConcept"),  # stands elsewhere
        ("order-control", "ServiceRequest", "valueString"),  # is of another type
        ("v2-field", "Bundle", "extension"),  # is no DomainResource
        ("nothing", "Patient", "valueString"),  # has no definition
    ],
)
def test_R_EXT_3_an_extension_out_of_place_is_seen(use: Use) -> None:
    assert not allowed(use)


def test_the_page_lists_each_definition() -> None:
    listed = re.findall(r"^\| \[`.*", PAGE.read_text("utf-8"), re.M)
    assert listed == [
        f"| [`{name}`](../mappings/definitions/StructureDefinition-{name}.json) | {definition['description'].rstrip('.')} "
        f"| {', '.join(context['expression'] for context in definition['context'])} "
        f"| {', '.join(kinds(name)) or 'path, value'} |"
        for name, definition in DEFINITIONS.items()
    ]
