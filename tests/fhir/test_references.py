"""Which type a reference names; what follows from it is proved in test_invariants."""

from __future__ import annotations

import pytest

from segue.fhir.references import named_type


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("Patient/1", "Patient"),
        ("Patient/1/_history/2", "Patient"),
        ("Patient?identifier=urn:x|a/b", "Patient"),
        ("http://example.org/fhir/Patient/1", "Patient"),
        ("https://example.org/Patient/1/_history/2", "Patient"),
        ("http://example.org/fhir/Patient?identifier=1", "Patient"),
        ("MolecularSequence/1", "MolecularSequence"),
        ("http://example.org/x", None),
        ("Nothing/1", None),
        ("Patient", None),
    ],
)
def test_P_22_the_type_a_reference_names(reference: str, kind: str | None):
    assert named_type(reference) == kind
