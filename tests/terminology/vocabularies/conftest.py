"""Small releases in the formats of their publishers, with invented content (T-72)."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

LOINC_HEADER = (
    "LOINC_NUM", "COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP", "CLASS", "VersionLastChanged",
    "CHNG_TYPE", "DefinitionDescription", "STATUS", "CONSUMER_NAME", "CLASSTYPE", "RELATEDNAMES2", "SHORTNAME",
    "LONG_COMMON_NAME", "EXAMPLE_UCUM_UNITS", "COMMON_TEST_RANK", "DisplayName",
)  # fmt: skip
LOINC_ROWS = (
    ("90001-1", "Zorbine", "MCnc", "Pt", "Ser/Plas", "Qn", "", "CHEM", "2.78", "", "Two\nlines, with a comma", "ACTIVE", "",
     "1", "Zorb; ZRB", "Zorbine SerPl-mCnc", "Zorbine [Mass/volume] in Serum or Plasma", "mg/dL", "12", ""),
    ("90002-9", "Zorbine", "SCnc", "Pt", "Ser/Plas", "Qn", "", "CHEM", "2.08", "", "", "ACTIVE", "", "1", "Zorb; ZRB",
     "Zorbine SerPl-sCnc", "Zorbine [Moles/volume] in Serum or Plasma", "mmol/L", "3", ""),
    ("90003-7", "Zorbine", "MCnc", "Pt", "Urine", "Qn", "", "CHEM", "2.09", "", "", "ACTIVE", "", "1", "", "Zorbine Ur-mCnc",
     "Zorbine [Mass/volume] in Urine", "mg/dL", "0", ""),
    ("90004-5", "Zorbine old", "MCnc", "Pt", "Ser", "Qn", "", "CHEM", "2.10", "", "", "DEPRECATED", "", "1", "", "",
     "Deprecated Zorbine in Serum", "mg/dL", "0", ""),
)  # fmt: skip

SNOMED = {
    "Snapshot/Terminology/sct2_Concept_Snapshot_INT_20260101.txt": (
        ("id", "effectiveTime", "active", "moduleId", "definitionStatusId"),
        ("910001009", "20260101", "1", "m", "d"),
        ("910002002", "20260101", "1", "m", "d"),
        ("910003007", "20260101", "0", "m", "d"),
    ),
    "Snapshot/Refset/Language/der2_cRefset_LanguageSnapshot-en_INT_20260101.txt": (
        ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "acceptabilityId"),
        ("u1", "20260101", "1", "m", "900000000000508004", "1001", "900000000000548007"),
        ("u2", "20260101", "1", "m", "900000000000509007", "1002", "900000000000548007"),
        ("u3", "20260101", "1", "m", "900000000000509007", "1001", "900000000000549004"),
        ("u4", "20260101", "0", "m", "900000000000509007", "1003", "900000000000548007"),
        ("u5", "20260101", "1", "m", "900000000000508004", "1005", "900000000000548007"),
    ),
    "Snapshot/Terminology/sct2_Description_Snapshot-en_INT_20260101.txt": (
        (
            "id", "effectiveTime", "active", "moduleId", "conceptId", "languageCode", "typeId", "term", "caseSignificanceId",
        ),
        ("1000", "20260101", "1", "m", "910001009", "en", "900000000000003001", "Grommet of liver (disorder)", "c"),
        ("1001", "20260101", "1", "m", "910001009", "en", "900000000000013009", "Grommet oedema", "c"),
        ("1002", "20260101", "1", "m", "910001009", "en", "900000000000013009", "Grommet edema", "c"),
        ("1003", "20260101", "1", "m", "910001009", "en", "900000000000013009", "Gr\u00f6mmet", "c"),
        ("1004", "20260101", "0", "m", "910001009", "en", "900000000000013009", "Withdrawn wording", "c"),
        ("1005", "20260101", "1", "m", "910002002", "en", "900000000000013009", "Plinth of bone", "c"),
        ("1006", "20260101", "1", "m", "910003007", "en", "900000000000003001", "Old plinth (disorder)", "c"),
    ),
}  # fmt: skip


def atom(cui: str, tty: str, text: str, *, source: str = "RXNORM", suppress: str = "N", language: str = "ENG") -> str:
    cells = (
        cui,
        language,
        "P",
        "L1",
        "PF",
        "S1",
        "Y",
        "A1",
        "",
        cui,
        "",
        source,
        tty,
        cui,
        text,
        "0",
        suppress,
        "4096",
    )
    return "|".join(cells) + "|\n"


RXNCONSO = "".join((
    atom("9001", "IN", "fictilol"),
    atom("9001", "SY", "fictilol base"),
    atom("9002", "PSN", "fictilol 5 MG Tab"),
    atom("9002", "SCD", "fictilol 5 MG Oral Tablet"),
    atom("9003", "SCD", "fictilol 1 MG Oral Tablet", suppress="O"),
    atom("9004", "PT", "foreign atom", source="MMSL"),
    atom("9005", "IN", "fictilolum", language="LAT"),
))  # fmt: skip

CVX_TEXT = (
    "901       |Zeta types 1 and 2|Zeta vaccine, type 1 and type 2, live, oral|Two tablets.|Active|False|2011/03/20\r\n"
    "02        |Zeta old|zeta vaccine, old|A note|Inactive|False|2026/02/03\r\n"
    "903       |Zeta dream|zeta vaccine, dreamt||Never Active|False|2010/05/28\r\n"
)
CVX_XML = (
    "<?xml version='1.0' encoding='ISO-8859-1'?><CVXCodes><CVXInfo><ShortDescription>Zeta & types</ShortDescription>"
    "<FullVaccinename>Zeta vaccine, fran\u00e7ais</FullVaccinename><CVXCode>901       </CVXCode><Notes></Notes>"
    "<Status>Active</Status><LastUpdated>3/20/2011</LastUpdated></CVXInfo></CVXCodes>"
)

Make = Callable[..., Path]


def quoted(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(",".join(f'"{cell}"' for cell in row) + "\r\n" for row in rows)


def tabbed(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join("\t".join(row) + "\r\n" for row in rows)


def archive(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in files.items():
            out.writestr(name, text)
    return path


@pytest.fixture
def loinc_csv(tmp_path: Path) -> Path:
    file = tmp_path / "Loinc.csv"
    file.write_text("\ufeff" + quoted((LOINC_HEADER, *LOINC_ROWS)), encoding="utf-8", newline="")
    return file


@pytest.fixture
def loinc_zip(tmp_path: Path) -> Path:
    files = {"LoincTable/Loinc.csv": quoted((LOINC_HEADER, *LOINC_ROWS)), "AccessoryFiles/x/LoincPart.csv": '"a"\n'}
    return archive(tmp_path / "Loinc_2.81.zip", files)


@pytest.fixture
def snomed_zip(tmp_path: Path) -> Path:
    root = "SnomedCT_International_20260101/"
    return archive(tmp_path / "SnomedCT.zip", {root + name: tabbed(rows) for name, rows in SNOMED.items()})


@pytest.fixture
def rxnorm_zip(tmp_path: Path) -> Path:
    files = {"prescribe/rrf/RXNCONSO.RRF": atom("1", "IN", "subset"), "rrf/RXNCONSO.RRF": RXNCONSO}
    return archive(tmp_path / "RxNorm_full_09082026.zip", files)


@pytest.fixture
def cvx_text(tmp_path: Path) -> Path:
    file = tmp_path / "cvx.txt"
    file.write_bytes(CVX_TEXT.encode("utf-16"))
    return file


@pytest.fixture
def cvx_xml(tmp_path: Path) -> Path:
    file = tmp_path / "cvx.xml"
    file.write_bytes(CVX_XML.encode("latin-1"))
    return file
