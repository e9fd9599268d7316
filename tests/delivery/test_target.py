"""The seam to targets: what a failure carries, and what a parcel says of its message."""

from __future__ import annotations

from dataclasses import replace

from segue.delivery.target import DeliveryError, Parcel
from segue.issues import issue


def test_a_failure_says_whether_it_may_pass() -> None:
    failure = DeliveryError(True, issue("delivery.transient"), reason="busy", detail="503", retry_after_s=3)
    assert (failure.transient, str(failure), [i.code for i in failure.issues]) == (
        True,
        "busy 503",
        ["delivery.transient"],
    )
    assert failure.retry_after_s == 3


def test_S61_the_key_names_this_Bundle_of_this_message() -> None:
    one = Parcel(b"{}", "M1", "ab")
    assert one.key == replace(one).key
    assert len({one.key, replace(one, body=b"{ }").key, replace(one, digest="ac").key}) == 3
