"""docs/reference/reasons.md tells every reason there is, and none that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from controller.api.foreign import FOREIGN_MACHINE
from controller.api.refusals import WRITE_REFUSED
from controller.errors import ControllerError
from controller.model.conditions import (
    FORGOTTEN_REASON,
    HEALTHY_REASONS,
    READY_REASONS,
    STALLED_REASONS,
    SUSPENDED_REASON,
    TRANSIENT_REASONS,
    VERIFIED_REASONS,
)
from controller.model.notice import TOLD_REASONS
from controller.reconcile.apply import ADOPTED

PAGE = Path(__file__).parents[2] / "docs/reference/reasons.md"


def error_classes(root: type[ControllerError]) -> Iterator[type[ControllerError]]:
    yield root
    for each in root.__subclasses__():
        yield from error_classes(each)


def documented() -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)


def test_every_reason_is_documented_once() -> None:
    # Those that the error tree itself declares; modules may add private ones of no concern to people.
    errors = {
        each.reason
        for each in error_classes(ControllerError)
        if each.__module__ == "controller.errors"
    }
    conditions = {*READY_REASONS, *STALLED_REASONS, *TRANSIENT_REASONS, *VERIFIED_REASONS}
    conditions |= HEALTHY_REASONS.keys()
    events = {
        SUSPENDED_REASON,
        FORGOTTEN_REASON,
        ADOPTED,
        WRITE_REFUSED,
        FOREIGN_MACHINE,
        *TOLD_REASONS,
    }
    assert sorted(documented()) == sorted(errors | conditions | events)


def test_stalling_and_transient_reasons_stand_beside_the_right_condition() -> None:
    text = PAGE.read_text()
    for reason in STALLED_REASONS:
        assert f"| `{reason}` | Stalled |" in text
    for reason in HEALTHY_REASONS:
        assert f"| `{reason}` | Healthy |" in text
    for reason in TRANSIENT_REASONS:
        assert f"| `{reason}` | |" in text
