"""The same checks before and after a change, whose definitions may stand at other positions. Pure."""

from __future__ import annotations

from controller.scoring.rulebook import Rulebook


class Translation:
    """Bits of one rulebook as bits of another."""

    def __init__(self, before: Rulebook, after: Rulebook) -> None:
        old, new = before.positions, after.positions
        self._moved = [
            (old[id_], new[id_]) for id_ in after.checks if old.get(id_, new[id_]) != new[id_]
        ]

    def forward(self, bits: int) -> int:
        """Positions before as positions after."""
        return _moved(bits, self._moved)

    def back(self, bits: int) -> int:
        """Positions after as positions before; a new check keeps its own, which is nobody's there."""
        return _moved(bits, [(new, old) for old, new in self._moved])


def _moved(bits: int, pairs: list[tuple[int, int]]) -> int:
    leaving = entering = 0
    for was, now in pairs:
        if bits >> was & 1:
            leaving |= 1 << was
            entering |= 1 << now
    return bits & ~leaving | entering
