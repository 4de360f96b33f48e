"""What a run of ``validate`` found. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found, for a renderer."""

    root: str
    problems: Sequence[Problem]
    files: int
    documents: int
    strict: bool

    @property
    def errors(self) -> int:
        return sum(self.counts(problem) for problem in self.problems)

    @property
    def ok(self) -> bool:
        return not self.errors

    def counts(self, problem: Problem) -> bool:
        """Whether the problem makes the run fail."""
        return self.strict or problem.level == "error"

    def path(self, problem: Problem) -> str:
        """The problem's file as seen from where the command ran: what hosts attach remarks to."""
        root = Path(self.root)
        if root.is_absolute():
            here = Path.cwd()
            root = root.relative_to(here) if root.is_relative_to(here) else Path()
        return (root / problem.path).as_posix()

    def fingerprinted(self) -> Iterator[tuple[Problem, str]]:
        """Problems with a name that stays when lines move, and differs between equal ones."""
        import hashlib  # a form for hosts alone asks for this

        seen: Counter[str] = Counter()
        for problem in self.problems:
            base = "\0".join((self.path(problem), problem.code, problem.field, problem.message))
            seen[base] += 1
            yield (
                problem,
                hashlib.sha256(f"{base}\0{seen[base]}".encode("utf-8", "replace")).hexdigest(),
            )


def sentence(problem: Problem) -> str:
    """Field and message, without the place, which the form has apart."""
    return f"{problem.field}: {problem.message}" if problem.field else problem.message
