"""Places where a crash test can end the process, as a power cut would."""

from __future__ import annotations

import os
import signal
from typing import Final, Literal, get_args

PassPoint = Literal[
    "after_resolve",
    "after_fetch",
    "after_snapshot",
    "after_verify",
    "after_begin",
    "after_read",
    "after_load",
    "after_plan",
    "inside_apply",
    "after_apply",
    "before_finish",
]
OutboxPoint = Literal["before_send", "after_send", "inside_note"]
ChangePoint = Literal[
    "after_portion",
    "inside_step",
    "after_step",
    "before_switch",
    "inside_switch",
    "after_switch",
]
RecordingPoint = Literal["inside_recording", "after_recording"]
Point = PassPoint | OutboxPoint | ChangePoint | RecordingPoint
PASS_POINTS: Final[tuple[PassPoint, ...]] = get_args(PassPoint)
"""In a pass over a source."""
OUTBOX_POINTS: Final[tuple[OutboxPoint, ...]] = get_args(OutboxPoint)
"""In bringing a message to a target."""
CHANGE_POINTS: Final[tuple[ChangePoint, ...]] = get_args(ChangePoint)
"""In a fleet-wide change: a portion's rows are written; all of a step is, and then committed; every
machine has its new rows; the switch to them is written, and then committed."""
RECORDING_POINTS: Final[tuple[RecordingPoint, ...]] = get_args(RecordingPoint)
"""In the process that records reports."""
VARIABLE: Final = "GITWARD_FAIL_AT"


def reached(point: Point) -> None:
    """Kill this process, without any tidying, when the environment names this point."""
    if os.environ.get(VARIABLE) == point:
        os.kill(os.getpid(), signal.SIGKILL)
