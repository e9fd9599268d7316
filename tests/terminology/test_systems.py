"""Coding systems by name and OID (T-01…T-06, R-SYS)."""

from __future__ import annotations

import pytest

from segue.packdata import data_folder
from segue.terminology.rows import Source, TerminologyError
from segue.terminology.systems import Systems

HEAD = "name,uri,oids,aliases,licence,source\n"
THO = "http://terminology.hl7.org/CodeSystem/"
SHIPPED = Systems([Source("systems.csv", (data_folder("terminology") / "systems.csv").read_bytes())])


def systems(*files: str) -> Systems:
    return Systems([Source("systems.csv", (HEAD + text).encode()) for text in files])


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("LN", "http://loinc.org"),
        ("SCT", "http://snomed.info/sct"),
        ("SNM", THO + "snm"),
        ("UCUM", "http://unitsofmeasure.org"),
        ("RxNorm", "http://www.nlm.nih.gov/research/umls/rxnorm"),
        ("NDC", "http://hl7.org/fhir/sid/ndc"),
        ("FDAUNII", "http://fdasis.nlm.nih.gov"),
        ("WC", "http://www.whocc.no/atc"),
        ("CVX", "http://hl7.org/fhir/sid/cvx"),
        ("MVX", "http://hl7.org/fhir/sid/mvx"),
        ("I10", "http://hl7.org/fhir/sid/icd-10"),
        ("I10C", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("I10P", "http://www.cms.gov/Medicare/Coding/ICD10"),
        ("I9C", "http://hl7.org/fhir/sid/icd-9-cm"),
        ("I9CDX", "http://hl7.org/fhir/sid/icd-9-cm"),
        ("I9CP", "http://hl7.org/fhir/sid/icd-9-cm"),
        ("C4", "http://www.ama-assn.org/go/cpt"),
        ("HPC", "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"),
        ("CD2", "http://www.ada.org/cdt"),
        ("CDCREC", "urn:oid:2.16.840.1.113883.6.238"),
        ("HCPT", "http://nucc.org/provider-taxonomy"),
        ("ACTCODE", THO + "v3-ActCode"),
        ("ROLECODE", THO + "v3-RoleCode"),
        ("NULLFL", THO + "v3-NullFlavor"),
        ("ISO3166_1", "urn:iso:std:iso:3166"),
        ("ISO4217", "urn:iso:std:iso:4217"),
        ("DCM", "http://dicom.nema.org/resources/ontology/DCM"),
        ("MDC", "urn:iso:std:iso:11073:10101"),
        ("IBT0042", "https://www.isbt128.org/uri"),
        ("pCLOCD", "https://fhir.infoway-inforoute.ca/CodeSystem/pCLOCD"),
    ],
)
def test_T_01_names_of_table_0396(name: str, uri: str) -> None:
    assert SHIPPED.resolve(name) == uri


@pytest.mark.parametrize("name", ["HL70078", "hl70078", "HL7-0078", "v2-0078", "0078", " HL70078 "])
def test_R_SYS_4_hl7_tables(name: str) -> None:
    assert SHIPPED.resolve(name) == THO + "v2-0078"


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("LOINC", "LN"), ("lnc", "LN"), ("SNOMED-CT", "SCT"), ("Snomedct", "SCT"), ("ICD-10-CM", "I10C"),
        ("ICD10CM", "I10C"), ("ICD9CM", "I9C"), ("CPT-4", "C4"), ("cpt", "C4"), ("rxnorm", "RXNORM"), (" ln ", "LN"),
    ],
)  # fmt: skip
def test_T_02_aliases_are_trimmed_and_folded(alias: str, name: str) -> None:
    assert SHIPPED.resolve(alias) == SHIPPED.resolve(name) is not None


def test_R_SYS_6_icd_10_is_never_taken_for_its_clinical_modification() -> None:
    assert SHIPPED.resolve("ICD-10") == "http://hl7.org/fhir/sid/icd-10"


@pytest.mark.parametrize(
    "name", ["L", "LB", "99LAB", "99zzz", "", " ", None, "NIP001", "SCT2", "ATC", "HL7", "HL71", "LAB:7", "2.5"]
)
def test_T_05_local_and_unknown_names_have_no_uri(name: str | None) -> None:
    assert SHIPPED.resolve(name) is None


@pytest.mark.parametrize(
    "uri", ["http://example.org/codes", "https://lab.example/cs", "urn:oid:1.2.36.1", "urn:iso:std:iso:3166"]
)
def test_T_04_an_absolute_uri_stays(uri: str) -> None:
    assert SHIPPED.resolve(uri) == uri


def test_T_04_an_oid_as_name_is_looked_up() -> None:
    assert SHIPPED.resolve("2.16.840.1.113883.6.1") == "http://loinc.org"
    assert SHIPPED.resolve("2.16.840.1.113883.19.77") == "urn:oid:2.16.840.1.113883.19.77"


@pytest.mark.parametrize(
    ("oid", "uri"),
    [
        ("2.16.840.1.113883.12.4", THO + "v2-0004"),
        ("2.16.840.1.113883.12.396", THO + "v2-0396"),
        ("2.16.840.1.113883.12.292", "http://hl7.org/fhir/sid/cvx"),
        ("2.16.840.1.113883.5.4", THO + "v3-ActCode"),
        ("2.16.840.1.113883.5.1063", THO + "v3-ObservationValue"),
        ("1.2.3.4.5", "urn:oid:1.2.3.4.5"),
        ("urn:oid:2.16.840.1.113883.6.96", "http://snomed.info/sct"),
    ],
)
def test_T_06_oid_arcs(oid: str, uri: str) -> None:
    assert SHIPPED.resolve(None, oid) == uri


@pytest.mark.parametrize("oid", ["1..2", "3.1.2", "01.2", "abc", "1.02.3", ""])
def test_T_06_junk_is_no_oid(oid: str) -> None:
    assert SHIPPED.resolve(None, oid) is None


@pytest.mark.parametrize("name", [None, "L", "99LAB", "mystery"])
def test_T_03_the_oid_stands_in_for_a_local_or_unknown_name(name: str | None) -> None:
    assert SHIPPED.resolve(name, "2.16.840.1.113883.6.1") == "http://loinc.org"


def test_T_03_a_registered_name_wins_over_another_oid() -> None:
    assert SHIPPED.resolve("SCT", "2.16.840.1.113883.6.1") == "http://snomed.info/sct"


def test_T_01_a_site_file_comes_first() -> None:
    both = systems("ICD,urn:x:base,1.2.3,,,\n", "ICD,urn:x:site,1.2.3,,,\n99LAB,urn:x:lab,,,,\n")
    assert [both.resolve("ICD"), both.resolve(None, "1.2.3"), both.resolve("99lab")] == [
        "urn:x:site",
        "urn:x:site",
        "urn:x:lab",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("A,urn:x:a,,,,\na,urn:x:b,,,,\n", "twice"),
        ("A,urn:x:a,,B,,\nB,urn:x:b,,,,\n", "twice"),
        ("A,urn:x:a,1.2.3,,,\nB,urn:x:b,1.2.3,,,\n", "twice"),
        ("A,urn:x:a,1..3,,,\n", "not an OID"),
        ("A,nowhere,,,,\n", "absolute URI"),
        (",urn:x:a,,,,\n", "name"),
    ],
)
def test_T_01_names_and_oids_are_unique_and_well_formed(text: str, what: str) -> None:
    with pytest.raises(TerminologyError, match=what):
        systems(text)
