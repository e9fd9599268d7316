"""Assigning authorities (R-ID-2, R-ID-3, R-ID-T, R-CA-1…4, T-10…T-12)."""

from __future__ import annotations

import pytest

from segue.catalogue import CATALOGUE
from segue.packdata import data_folder
from segue.terminology.authorities import ASSUMED, INVALID, Authorities, Authority
from segue.terminology.rows import Source, TerminologyError

HEAD = "oid,namespace,universal_type,type,jurisdiction,jurisdiction_table,system,assigner,source\n"
SHIPPED = Authorities([Source("authorities.csv", (data_folder("terminology") / "authorities.csv").read_bytes())])
INFOWAY = "https://fhir.infoway-inforoute.ca/NamingSystem/"
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def authorities(*files: str) -> Authorities:
    return Authorities([Source("authorities.csv", (HEAD + text).encode()) for text in files])


@pytest.mark.parametrize("namespace", [None, "NORTH"])
@pytest.mark.parametrize("universal", [None, "1.2.36.7"])
@pytest.mark.parametrize("scheme", [None, "ISO"])
def test_T_10_hd_filled_or_empty_in_all_combinations(
    namespace: str | None, universal: str | None, scheme: str | None
) -> None:
    found = SHIPPED.resolve(namespace, universal, scheme)
    if universal is None:
        assert found == Authority(None)
    else:
        assert found == Authority("urn:oid:1.2.36.7", None if scheme else ASSUMED)


@pytest.mark.parametrize(
    ("universal", "scheme", "system"),
    [
        ("1.2.36.7", "ISO", "urn:oid:1.2.36.7"),
        ("urn:oid:1.2.36.7", "ISO", "urn:oid:1.2.36.7"),
        (UUID.upper(), "UUID", "urn:uuid:" + UUID),
        (UUID.upper(), "GUID", "urn:uuid:" + UUID),
        ("https://ids.example.org/mrn", "URI", "https://ids.example.org/mrn"),
        ("north.example.org", "DNS", "urn:dns:north.example.org"),
        (" 1.2.36.7 ", "iso", "urn:oid:1.2.36.7"),
    ],
)
def test_R_ID_2_the_universal_id_by_its_type(universal: str, scheme: str, system: str) -> None:
    assert SHIPPED.resolve("NORTH", universal, scheme) == Authority(system)


@pytest.mark.parametrize("scheme", [None, "L", "HCD", "Random"])
def test_R_ID_2_an_id_without_fitting_type_is_read_by_its_form(scheme: str | None) -> None:
    assert SHIPPED.resolve(None, UUID, scheme) == Authority("urn:uuid:" + UUID, ASSUMED)
    assert SHIPPED.resolve(None, "plain words", scheme) == Authority(None)


@pytest.mark.parametrize(
    ("universal", "scheme"),
    [("1..2", "ISO"), ("1.02", "ISO"), ("NORTH", "ISO"), ("12", "UUID"), ("ids/mrn", "URI"), ("no host", "DNS")],
)
def test_R_ID_3_an_id_that_breaks_its_type_gives_no_system(universal: str, scheme: str) -> None:
    assert SHIPPED.resolve("NORTH", universal, scheme) == Authority(None, INVALID)


@pytest.mark.parametrize("code", [ASSUMED, INVALID])
def test_issues_stand_in_the_catalogue(code: str) -> None:
    assert code in CATALOGUE


@pytest.mark.parametrize("namespace", ["NORTH", "http", "urn:x", "1.2.3", "MRN"])
def test_T_10_a_namespace_alone_never_becomes_a_uri(namespace: str) -> None:
    assert SHIPPED.resolve(namespace, None, None, "MR") == Authority(None)


@pytest.mark.parametrize(
    ("oid", "system"),
    [
        ("2.16.840.1.113883.4.6", "http://hl7.org/fhir/sid/us-npi"),
        ("2.16.840.1.113883.4.1", "http://hl7.org/fhir/sid/us-ssn"),
        ("2.16.840.1.113883.4.927", "http://hl7.org/fhir/sid/us-mbi"),
        ("2.16.840.1.113883.4.814", "http://terminology.hl7.org/NamingSystem/USDEANumber"),
        ("2.16.840.1.113883.4.7", "urn:oid:2.16.840.1.113883.4.7"),
        ("2.16.840.1.113883.4.336", "http://terminology.hl7.org/NamingSystem/CMSCertificationNumber"),
        ("2.16.840.1.113883.6.300", "urn:oid:2.16.840.1.113883.6.300"),
        ("2.16.840.1.113883.4.3.36", "urn:oid:2.16.840.1.113883.4.3.36"),
        ("2.16.840.1.113883.4.330.124", "http://hl7.org/fhir/sid/passport-CAN"),
        ("2.16.840.1.113883.4.330.840", "http://hl7.org/fhir/sid/passport-USA"),
        ("1.3.88", "http://www.gs1.org/gln"),
    ],
)
def test_R_ID_T_registered_oids(oid: str, system: str) -> None:
    assert SHIPPED.resolve("ANY", oid, "ISO") == Authority(system)


def test_R_ID_T_clia_as_type_of_the_universal_id() -> None:
    assert SHIPPED.resolve("LAB", "05D0642827", "CLIA") == Authority("urn:oid:2.16.840.1.113883.4.7")


def test_R_ID_12_npi_without_universal_id() -> None:
    assert SHIPPED.resolve(None, None, None, "NPI") == Authority("http://hl7.org/fhir/sid/us-npi")
    assert SHIPPED.resolve("X", "1.2.36.7", "ISO", "NPI") == Authority("urn:oid:1.2.36.7")


def test_R_ID_T_ussa_with_type_ss_only() -> None:
    assert SHIPPED.resolve("USSSA", None, None, "SS") == Authority("http://hl7.org/fhir/sid/us-ssn")
    assert SHIPPED.resolve("USSSA", None, None, "MR") == Authority(None)


PROVINCES = [
    ("AB", "CANAB", "ca-ab-patient-healthcare-id"), ("BC", "CANBC", "ca-bc-patient-healthcare-id"),
    ("MB", "CANMB", "ca-mb-patient-healthcare-id"), ("NB", "CANNB", "ca-nb-patient-healthcare-id"),
    ("NL", "CANNF", "ca-nl-patient-healthcare-id"), ("NF", "CANNF", "ca-nl-patient-healthcare-id"),
    ("NT", "CANNT", "ca-nt-patient-healthcare-id"), ("NS", "CANNS", "ca-ns-patient-healthcare-id"),
    ("NU", "CANNU", "ca-nu-patient-healthcare-id"), ("ON", "CANON", "ca-on-patient-hcn"),
    ("PE", "CANPE", "ca-pe-patient-healthcare-id"), ("QC", "CANQC", "ca-qc-patient-healthcare-id"),
    ("PQ", "CANQC", "ca-qc-patient-healthcare-id"), ("SK", "CANSK", "ca-sk-patient-healthcare-id"),
    ("YT", "CANYT", "ca-yt-patient-healthcare-id"),
]  # fmt: skip


@pytest.mark.parametrize(("postal", "code", "name"), PROVINCES)
def test_R_CA_1_province_by_jurisdiction_and_by_namespace(postal: str, code: str, name: str) -> None:
    wanted = Authority(INFOWAY + name)
    assert SHIPPED.resolve(None, None, None, "JHN", postal, "HL70347") == wanted
    assert SHIPPED.resolve(None, None, None, "JHN", code, "HL70363") == wanted
    assert SHIPPED.resolve(None, None, None, "JHN", postal, None) == wanted
    assert SHIPPED.resolve(None, None, None, "JHN", code, None) == wanted
    assert SHIPPED.resolve(code, None, None, "JHN") == wanted


def test_R_CA_1_the_jurisdiction_stands_before_the_namespace() -> None:
    assert SHIPPED.resolve("CANAB", None, None, "JHN", "ON", "HL70347") == Authority(INFOWAY + "ca-on-patient-hcn")


def test_R_CA_1_an_oid_of_the_authority_is_used_without_jurisdiction() -> None:
    assert SHIPPED.resolve("MOH", "1.2.36.7", "ISO", "JHN") == Authority("urn:oid:1.2.36.7")


@pytest.mark.parametrize(("namespace", "place"), [(None, None), ("ON", None), (None, "TX"), (None, "CANXX")])
def test_R_CA_2_the_type_alone_selects_no_province(namespace: str | None, place: str | None) -> None:
    assert SHIPPED.resolve(namespace, None, None, "JHN", place, None) == Authority(None)


def test_R_CA_3_a_local_type_is_not_a_health_number() -> None:
    assert SHIPPED.resolve("CANON", None, None, "HCN", "ON", "HL70347") == Authority(None)


def test_R_CA_4_a_canadian_passport_but_not_a_californian_one() -> None:
    assert SHIPPED.resolve(None, None, None, "PPN", "CAN", "HL70399") == Authority(INFOWAY + "ca-passport-number")
    assert SHIPPED.resolve(None, None, None, "PPN", "CA", "HL70347") == Authority(None)


def test_R_CA_3_a_site_row_comes_first() -> None:
    site = authorities(
        ",,,JHN,ON,HL70347,urn:x:base,,\n,MOH,,,,,urn:x:moh,,\n",
        ",MOH,,HCN,,,urn:x:site,,\n1.2.36.7,,,,,,urn:x:oid,,\n",
    )
    assert site.resolve("MOH", None, None, "HCN") == Authority("urn:x:site")
    assert site.resolve("MOH", None, None, "MR") == Authority("urn:x:moh")
    assert site.resolve("MOH", "1.2.36.7", "ISO", "MR") == Authority("urn:x:oid")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (",,,,,,urn:x:a,,\n", "needs an OID"),
        ("1..2,,,,,,urn:x:a,,\n", "not an OID"),
        (",A,,,,,nowhere,,\n", "absolute URI"),
        (",,,JHN,ON,,urn:x:a,,\n", "needs its table"),
        (",A,,,,,urn:x:a,,\n,A,,,,,urn:x:b,,\n", "stands at line 2"),
    ],
)
def test_T_01_bad_rows_are_refused(text: str, what: str) -> None:
    with pytest.raises(TerminologyError, match=what):
        authorities(text)
