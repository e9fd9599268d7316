"""The seam to targets: a failure carries its issues and a bounded reason."""

from __future__ import annotations

from segue.delivery.target import DeliveryError
from segue.issues import issue


def test_a_failure_says_whether_it_may_pass() -> None:
    failure = DeliveryError(True, issue("delivery.transient"), reason="503")
    assert (failure.transient, str(failure), [i.code for i in failure.issues]) == (True, "503", ["delivery.transient"])
