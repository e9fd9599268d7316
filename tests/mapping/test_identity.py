"""Identities: anybody can compute them from the key (R-RID-2)."""

from __future__ import annotations

import uuid

import pytest

from segue.mapping.identity import NAMESPACE, identity


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (("Patient", "urn:oid:2.999", "7"), "1||Patient|urn:oid:2.999|7"),
        (("Patient", None, ""), "1||Patient||"),
        (("Patient", "a|b", "c\\d"), "1||Patient|a\\|b|c\\\\d"),
    ],
)
def test_R_RID_2_an_identity_is_the_uuid5_of_its_key(key: tuple[str | None, ...], name: str) -> None:
    assert identity(key) == str(uuid.uuid5(NAMESPACE, name))


def test_R_RID_2_parts_do_not_run_into_each_other() -> None:
    assert identity(("a", "b|c")) != identity(("a|b", "c"))


def test_a_tenant_has_identities_of_its_own() -> None:
    assert identity(("Patient", "7"), "one") != identity(("Patient", "7"), "other")
