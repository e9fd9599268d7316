"""The files that ship: rows of the status rules (R-STAT, R-INT, R-PAT), coverage (T-30), sources (T-15)."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from segue.packdata import data_folder
from segue.terminology import Table, Terminology

FOLDER = data_folder("terminology")
SHIPPED = Terminology.load()
V2 = "http://terminology.hl7.org/CodeSystem/v2-"

# Codes of the value sets that FHIR R4 4.0.1 binds as required.
FHIR = {
    "http://hl7.org/fhir/administrative-gender": "male female other unknown",
    "http://hl7.org/fhir/name-use": "usual official temp nickname anonymous old maiden",
    "http://hl7.org/fhir/address-use": "home work temp old billing",
    "http://hl7.org/fhir/address-type": "postal physical both",
    "http://hl7.org/fhir/contact-point-system": "phone fax email pager url sms other",
    "http://hl7.org/fhir/contact-point-use": "home work temp old mobile",
    "http://hl7.org/fhir/encounter-status":
    "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    "http://hl7.org/fhir/episode-of-care-status": "planned waitlist active onhold finished cancelled entered-in-error",
    "http://hl7.org/fhir/request-status": "draft active on-hold revoked completed entered-in-error unknown",
    "http://hl7.org/fhir/CodeSystem/medicationrequest-status":
    "active on-hold cancelled completed entered-in-error stopped draft unknown",
    "http://terminology.hl7.org/CodeSystem/medicationdispense-status":
    "preparation in-progress cancelled on-hold completed entered-in-error stopped declined unknown",
    "http://terminology.hl7.org/CodeSystem/medication-admin-status":
    "in-progress not-done on-hold completed entered-in-error stopped unknown",
    "http://hl7.org/fhir/request-priority": "routine urgent asap stat",
    "http://hl7.org/fhir/observation-status":
    "registered preliminary final amended corrected cancelled entered-in-error unknown",
    "http://hl7.org/fhir/diagnostic-report-status":
    "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown",
    "http://hl7.org/fhir/event-status":
    "preparation in-progress not-done on-hold stopped completed entered-in-error unknown",
    "http://hl7.org/fhir/specimen-status": "available unavailable unsatisfactory entered-in-error",
    "http://hl7.org/fhir/allergy-intolerance-category": "food medication environment biologic",
    "http://hl7.org/fhir/allergy-intolerance-type": "allergy intolerance",
    "http://hl7.org/fhir/allergy-intolerance-criticality": "low high unable-to-assess",
    "http://hl7.org/fhir/reaction-event-severity": "mild moderate severe",
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical": "active inactive resolved",
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification":
    "unconfirmed confirmed refuted entered-in-error",
    "http://terminology.hl7.org/CodeSystem/condition-ver-status":
    "unconfirmed provisional differential confirmed refuted entered-in-error",
    "http://hl7.org/fhir/chargeitem-status": "planned billable not-billable aborted billed entered-in-error unknown",
    "http://hl7.org/fhir/appointmentstatus":
    "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist",
    "http://hl7.org/fhir/participationstatus": "accepted declined tentative needs-action",
    "http://hl7.org/fhir/document-reference-status": "current superseded entered-in-error",
    "http://hl7.org/fhir/composition-status": "preliminary final amended entered-in-error",
    "http://hl7.org/fhir/response-code": "ok transient-error fatal-error",
    "http://hl7.org/fhir/issue-severity": "fatal error warning information",
    "http://hl7.org/fhir/issue-type":
    "invalid structure required value invariant security login unknown expired forbidden suppressed "
    "processing not-supported duplicate multiple-matches not-found deleted too-long code-invalid "
    "extension too-costly business-rule conflict transient lock-error no-store exception timeout "
    "incomplete throttled informational",
    "http://hl7.org/fhir/http-verb": "GET HEAD POST PUT DELETE PATCH",
    "http://terminology.hl7.org/CodeSystem/v3-EntityNameUse": "ABC SYL IDE",
}  # fmt: skip
ORIGINAL_STANDS_ELSEWHERE = {
    "AllergenType-Type", "AppointmentStatus-ParticipantStatus", "EncounterStatus-EpisodeOfCareStatus",
    "ErrorCode-IssueType", "PatientClass-EncounterStatus",
    "ResultStatus-Observation", "ResultStatus-ServiceRequestStatus",
    "SegmentActionCode",
    "TelecomSystem",  # CP: with use mobile
}  # fmt: skip
REQUIRED = [name for name in SHIPPED.table_names if SHIPPED.table(name).heading.required]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def codes(table: Table) -> dict[str, str]:
    """v2 code ▸ first target code, "" without target, with * where the original is kept."""
    out: dict[str, str] = {}
    for code in table.codes:
        target = table.get(code)
        out[code] = "" if target is None else target.code + ("*" if target.lossy else "")
    return out


def expected(text: str) -> dict[str, str]:
    """`final: F V*; corrected: C` as v2 code ▸ target, with * where the original is kept."""
    out: dict[str, str] = {}
    for part in text.split(";"):
        target, _, names = part.partition(":")
        for name in names.split():
            out[name.removesuffix("*")] = target.strip() + ("*" if name.endswith("*") else "")
    return out


@pytest.mark.parametrize("name", SHIPPED.table_names)
def test_T_27_every_map_can_be_read(name: str) -> None:
    assert SHIPPED.table(name).codes


@pytest.mark.parametrize("name", REQUIRED)
def test_T_30_a_required_binding_knows_every_code_of_its_table(name: str) -> None:
    table = SHIPPED.table(name)
    known = {row["code"] for row in read(FOLDER / "v2" / "displays.csv") if row["table"] == table.number}
    assert known - set(table.codes) == set()


@pytest.mark.parametrize("name", REQUIRED)
def test_T_27_a_required_binding_gets_only_codes_that_fhir_knows(name: str) -> None:
    table = SHIPPED.table(name)
    found = [target for code in table.codes for target in table.targets(code) or ()]
    assert found
    assert [t for t in found if t.code not in FHIR[t.system].split()] == []


@pytest.mark.parametrize("name", sorted(set(REQUIRED) - ORIGINAL_STANDS_ELSEWHERE))
def test_R_CODE_6_at_most_one_code_stands_for_a_target_without_its_original(name: str) -> None:
    table = SHIPPED.table(name)
    plain = Counter(t.code for code in table.codes for t in table.targets(code) or () if not t.lossy)
    assert [code for code, count in plain.items() if count > 1] == []


ROWS = {
    "AdministrativeSex": "male: M; female: F; other: O A* N*; unknown: U",  # R-PAT-1
    "OrderStatus-ServiceRequestStatus":
    "active: IP SC* A*; completed: CM; revoked: CA DC* RP*; on-hold: HD; entered-in-error: ER*",
    "OrderControl-ServiceRequestStatus":
    "active: NW OK* AF* PR* PY* RL* RO* CH* PA* NA* SN* RR* OE* OR* OF* OP* RF* UC* UD* UF* UH* UM* UX* XO* XR* "
    "XX*; on-hold: HR* OH* HD UR*; revoked: CR* DC* DR* OD* OC* DF* CA RQ* RP* RU* CP*; completed: FU; unknown: "
    "SC* SR* SS* UA* DE* LI* UN* NR* RA* RC* RD* SQ* SU*",
    "ObservationStatus":
    "final: F U* V* N*; corrected: C; amended: A B*; preliminary: P R* S*; entered-in-error: D* W*; cancelled: X; "
    "registered: I* O*",
    "DiagnosticReportStatus":
    "final: F; corrected: C; preliminary: P M*; partial: R A*; registered: O* I* S* N*; cancelled: X; unknown: Y* "
    "Z*",
    "ResultStatus-Observation": "final: F; corrected: C; preliminary: P R A M; cancelled: X; registered: O I S N",
    "Priority-ServiceRequest": "stat: S; asap: A; routine: R",
    "NameType":
    "official: L R*; usual: D; maiden: M; nickname: N; anonymous: MSK S*; temp: NAV* TEMP NB*; old: BAD* NOUSE",
    "AddressUse": "home: H P* RH*; work: B* O; temp: C; billing: BI; old: BA",
    "AddressType": "postal: M SH*",
    "TelecomSystem": "phone: PH CP; fax: FX; pager: BP; email: Internet X.400*; other: MD* SAT* TDD* TTY*",
    "TelecomUse": "home: PRN ORN* VHN*; work: WPN; mobile: PRS",
    "CoverageRelationship": "self: SEL; spouse: SPO; common: DOM",
    "CoverageRelationship-IN2":
    "self: 01; spouse: 02; child: 03* 04* 05* 17*; parent: 18; injured: 15; other: 06* 07* 08* 09* 10* 11* 12* "
    "13* 14* 16* 19*",
    "ObservationCategory":
    "laboratory: BG BLB CG CH CP GE HM IMM LAB MB MCB MYC OSL PAR PAT SP SR TX URN VR; imaging: CT CUS IMG NMR "
    "NMS OUS RAD RUS RX VUS XRC; procedure: CTH EC EN; therapy: OT PT RC RT",
    "AllergenType-Category": "medication: DA; food: FA; environment: EA PA* LA* AA*",
    "AllergenType-Type": "allergy: DA FA EA AA PA LA MA",
    "SensitivityType": "allergy: AL; intolerance: IN",
    "AllergySeverity-Reaction": "severe: SV*; moderate: MO*; mild: MI*",
    "AllergySeverity-Criticality": "high: SV*; low: MI*; unable-to-assess: U*",
    "AllergyClinicalStatus": "active: C U* P* S* D*; inactive: I",
    "AllergyVerification": "confirmed: C I*; unconfirmed: U P* S* D*; entered-in-error: E",
    "EncounterStatus-Event":
    "finished: A03; planned: A05 A14; cancelled: A11 A27 A38; in-progress: A13 A22 A52; onleave: A21 A53; "
    "entered-in-error: A23",
    "PatientClass-EncounterStatus": "planned: P; unknown: U; in-progress: E I O R B C N",
    "AppointmentStatus":
    "pending: Pending Blocked*; waitlist: Waitlist; booked: Booked Overbook*; checked-in: Started; fulfilled: "
    "Complete; cancelled: Cancelled Discontinued* DC*; entered-in-error: Deleted; noshow: Noshow",
    "AppointmentStatus-Event": "cancelled: S15 S16; entered-in-error: S17; noshow: S26",
    "AppointmentStatus-EventDefault":
    "booked: S12 S13 S14 S18 S19 S20 S21 S22; proposed: S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11; pending: S23 "
    "S24",
    "ParticipantStatus":
    "accepted: Booked Started* Complete* Overbook*; needs-action: Pending Waitlist*; declined: Cancelled Deleted* "
    "Discontinued* DC*",
    "AppointmentStatus-ParticipantStatus":
    "accepted: booked arrived checked-in fulfilled noshow; needs-action: proposed pending waitlist",
    "DocumentStatus": "current: AV UN*; superseded: OB; entered-in-error: CA",
    "DocumentCompletion": "final: AU LA*; preliminary: DI* DO* IN* IP* PA*",
    "AcknowledgmentCode": "ok: AA CA*; fatal-error: AE CE* AR* CR*",
    "ErrorSeverity": "fatal: F; error: E; warning: W; information: I",
    "CompletionStatus-ImmunizationStatus": "completed: CP PA*; not-done: RE* NA",
    "CompletionStatus-MedicationAdministrationStatus": "completed: CP PA*; not-done: RE* NA",
    "OrderControl-MedicationDispenseStatus": "cancelled: CA OC* CR*; on-hold: HD OH* HR*",
    "OrderStatus-MedicationRequestStatus":
    "active: IP SC* A*; completed: CM; cancelled: CA RP*; stopped: DC; on-hold: HD; entered-in-error: ER*",
    "EncounterStatus-EpisodeOfCareStatus":
    "active: in-progress onleave arrived triaged; planned: planned; cancelled: cancelled",
    "TransactionType-ChargeItemStatus": "billable: CG CD* AJ*",
    "ActionCode-ConditionVerification": "entered-in-error: D",
    "ActionCode-AllergyVerification": "entered-in-error: D",
    "NameRepresentation": "ABC: A; IDE: I; SYL: P",
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_R_STAT_the_rows_of_the_status_rules(name: str) -> None:
    assert {code: target for code, target in codes(SHIPPED.table(name)).items() if target} == expected(ROWS[name])


@pytest.mark.parametrize(
    ("name", "code", "system", "target"),
    [
        ("PatientClass-EncounterClass", "E", "v3-ActCode", "EMER"),
        ("PatientClass-EncounterClass", "I", "v3-ActCode", "IMP"),
        ("PatientClass-EncounterClass", "O", "v3-ActCode", "AMB"),
        ("PatientClass-EncounterClass", "P", "v3-ActCode", "PRENC"),
        *(("PatientClass-EncounterClass", code, "v2-0004", code) for code in "RBCNU"),  # R-ENC-2
        *(
            ("InterpretationCodes", c, "v3-ObservationInterpretation", c)
            for c in ("H", "SDD", "AC", "QCF", "TOX", "MS", "VS")
        ),
        ("InterpretationCodes", "HM", "v2-0078", "HM"),  # R-INT-1
        ("InterpretationCodes", "OBX", "v2-0078", "OBX"),
        ("DiagnosisType-EncounterUse", "A", "diagnosis-role", "AD"),  # R-STAT-26
        ("DiagnosisType-EncounterUse", "W", "v2-0052", "W"),
        ("DiagnosisType-EncounterUse", "F", "v2-0052", "F"),
        ("Relationship", "MTH", "v3-RoleCode", "MTH"),
        ("Relationship", "EMC", "v2-0131", "C"),  # D-VOC-13
        ("ProviderRole", "PP", "v2-0443", "PP"),  # SNOMED CT left out
        ("ParticipationType", "AT", "v3-ParticipationType", "ATND"),
        ("ParticipationType", "MDIR", "v2-0912", "MDIR"),  # D-VOC-6
        ("DiagnosticService", "URN", "v2-0074", "URN"),  # D-VOC-8
    ],
)  # fmt: skip
def test_codings_by_their_rule(name: str, code: str, system: str, target: str) -> None:
    found = SHIPPED.table(name).get(code)
    assert found is not None
    assert (found.system, found.code) == ("http://terminology.hl7.org/CodeSystem/" + system, target)


@pytest.mark.parametrize(
    ("code", "tag"),
    [("eng", "en"), ("en", "en"), ("fra", "fr"), ("fre", "fr"), ("fr", "fr"), ("spa", "es"), ("yue", "yue")],
)  # fmt: skip
def test_R_CA_12_languages_become_bcp_47(code: str, tag: str) -> None:
    found = SHIPPED.table("Language").get(code)
    assert found is not None
    assert (found.system, found.code) == ("urn:ietf:bcp:47", tag)


@pytest.mark.parametrize("code", ["PGN", "FGN", "JPID"])
def test_R_ID_9_types_that_r4_does_not_know_are_marked(code: str) -> None:
    found = SHIPPED.table("IdentifierType").get(code)
    assert found is not None
    assert found.lossy
    assert SHIPPED.v2("0203", code)


def test_no_snomed_content_ships() -> None:
    assert [
        n
        for n in SHIPPED.table_names
        for c in SHIPPED.table(n).codes
        for t in SHIPPED.table(n).targets(c) or ()
        if "snomed" in t.system
    ] == []


def test_identity_maps_stand_in_their_own_table_or_a_named_system() -> None:
    odd = {
        heading.name
        for heading in (SHIPPED.table(name).heading for name in SHIPPED.table_names)
        if heading.identity and heading.target_system != V2 + heading.number
    }
    assert odd == {"VaccinesAdministered", "ManufacturersOfVaccines"}


def test_T_15_every_file_has_a_row_in_the_readme() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    files = [p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*") if p.is_file()]
    named = {f for f in files if f"| `{f}` |" in page}
    assert {
        f for f in files if f not in named and f.removeprefix("tables/").removesuffix(".csv") not in SHIPPED.table_names
    } == set()


def test_T_15_every_map_has_its_file() -> None:
    assert {p.stem for p in (FOLDER / "tables").glob("*.csv")} == set(SHIPPED.table_names)
