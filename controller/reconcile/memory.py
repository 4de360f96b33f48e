"""What a reconciler remembers from pass to pass, so that a pass costs what changed. Never needed.

It is bound to a generation of the store. When that has moved on without us, when a revision was judged
whole, or after a restart, everything is compared again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.config.assembly import Assembly, Touched
from controller.model.terms import Kind
from controller.reconcile.contents import Contents


@dataclass(slots=True)
class Memory:
    """The files and the judgement of the newest revision, and how it may differ from what is in force."""

    contents: Contents = field(default_factory=Contents)
    assembly: Assembly = field(default_factory=Assembly)
    _generation: int | None = None
    """Of the store, when what the source declared was last put in force."""
    _declared: Mapping[Kind, int] = field(default_factory=dict)
    """How much of each kind that was."""
    _touched: set[tuple[Kind, str]] = field(default_factory=set)
    """What may be declared otherwise since."""

    def judged(self, touched: Touched | None) -> None:
        """Note what a revision declares otherwise than the one judged before it; none is unknown."""
        if touched is None:
            self._generation = None
        else:
            self._touched |= touched

    def applied(self, generation: int, declared: Mapping[Kind, int]) -> None:
        """Note that the revision judged last is in force."""
        self._generation, self._declared = generation, declared
        self._touched = set()

    def since_applied(self, generation: int) -> tuple[Touched, Mapping[Kind, int]] | None:
        """What alone may differ from what is in force, and how much was declared there; none is unknown.

        Args:
            generation: Of the store now.
        """
        if self._generation != generation:
            return None
        return frozenset(self._touched), self._declared
