"""A revision judged by what it changes in the one before it. Pure.

The result is always that of ``assemble`` over all contents; a test holds the two together. What a
change can concern is looked up in both directions; whatever is not known for certain (an error
anywhere, other settings, checks that policies select otherwise) is judged whole, from the beginning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from controller.config.contents import FileContent, Found
from controller.config.files import SETTINGS_PATH
from controller.config.load import (
    Loaded,
    Whole,
    assemble_whole,
    policy_problems,
    reviews,
    twins,
    waiver_problems,
    worth_telling,
)
from controller.config.rules.selected import alike
from controller.config.rules.uniqueness import fold
from controller.config.rules.waivers import steady_until
from controller.model.configuration import Configuration, Declared
from controller.model.documents import AnyDocument, Check, Policy, Waiver
from controller.model.problem import Problem
from controller.model.terms import Kind

MOST_STEPS: Final = 500
"""After so many small steps everything is judged once more, so that nothing kept grows for ever."""
_TWINS: Final = "GW312"

D = TypeVar("D", bound=AnyDocument)

Touched = frozenset[tuple[Kind, str]]
"""Kind and id of declarations."""


class _WholeError(Exception):
    """This must be judged whole."""


class Assembly:
    """Judges the revisions of one source, one after the other."""

    def __init__(self) -> None:
        self._known: _Known | None = None

    def judge(
        self,
        contents: Mapping[str, FileContent],
        changed: Collection[str] | None,
        *,
        as_of: datetime,
        builtin_checks: Iterable[Check],
        first_applied: Mapping[str, datetime],
    ) -> tuple[Loaded, Touched | None]:
        """Judge a revision.

        Args:
            contents: Of every file, by path.
            changed: The paths that differ from the revision judged last; none where that is not known.
            as_of: Now.
            builtin_checks: The shipped checks, if the settings ask for them.
            first_applied: When each exception's id first came into force.

        Returns:
            What ``assemble`` returns, and the declarations that may differ from the revision judged
            last; none when all may.
        """
        known, self._known = self._known, None
        if known is not None and changed is not None and known.steps < MOST_STEPS:
            try:
                result = known.step(contents, changed, as_of, first_applied)
            except _WholeError:
                pass
            else:
                self._known = known
                return result
        whole = assemble_whole(contents.values(), as_of, builtin_checks, first_applied)
        if _sound(whole.loaded.problems):
            self._known = _Known(whole, contents, as_of, first_applied)
        return whole.loaded, None


def _sound(problems: Iterable[Problem]) -> bool:
    """Whether there is no error but such as time brings."""
    return all(problem.level != "error" or problem.clock for problem in problems)


@dataclass(slots=True)
class _Change:
    """The declarations of the changed files, before and after."""

    paths: set[str]
    policies: dict[str, Found[Policy] | None]
    checks: dict[str, Found[Check] | None]
    waivers: dict[str, Found[Waiver] | None]
    """None for what is declared no more."""

    @property
    def touched(self) -> Touched:
        keys: list[tuple[Kind, str]] = [("policy", id_) for id_ in self.policies]
        keys += [("check", id_) for id_ in self.checks]
        keys += [("exception", id_) for id_ in self.waivers]
        return frozenset(keys)


class _Known:
    """A sound revision, with every way from a document to those that it can concern."""

    def __init__(
        self,
        whole: Whole,
        contents: Mapping[str, FileContent],
        as_of: datetime,
        first_applied: Mapping[str, datetime],
    ) -> None:
        self.steps = 0
        self._contents = contents
        self._configuration = whole.loaded.configuration
        self._selected = whole.selected
        self._as_of = as_of
        self._first_applied = first_applied
        self._waivers = {found.document.id: found for found in whole.waivers}
        self._names = {fold(found.document.name): found.document.id for found in whole.policies}
        self._paths = {path.lower() for path in contents}
        self._by_check: defaultdict[str, set[str]] = defaultdict(set)
        """Check to the exceptions that name it."""
        self._by_policy: defaultdict[str, set[str]] = defaultdict(set)
        """Policy to the exceptions that are for it alone."""
        for found in whole.waivers:
            self._index(found)
        self._steady: dict[str, datetime] = {}
        """Exception to the moment from which its reviews may say something else; others never do."""
        for found in whole.waivers:
            self._time(found, as_of, first_applied)
        self._problems: defaultdict[str, tuple[Problem, ...]] = defaultdict(tuple)
        """By path, but for twins."""
        for problem in whole.loaded.problems:
            if problem.code != _TWINS:
                self._problems[problem.path] += (problem,)
        self._twins = tuple(each for each in whole.loaded.problems if each.code == _TWINS)

    def step(
        self,
        contents: Mapping[str, FileContent],
        changed: Collection[str],
        as_of: datetime,
        first_applied: Mapping[str, datetime],
    ) -> tuple[Loaded, Touched]:
        """Judge the next revision; afterwards this knows that one.

        Raises:
            _WholeError: Not possible; what this knows is no longer sound.
        """
        if as_of < self._as_of:
            raise _WholeError
        change = self._difference(contents, changed)
        due = self._due(as_of, first_applied)
        ended = self._some_ended(due, as_of)
        concerned = self._declare(change) | self._paths_of(due)
        settings = self._configuration.settings
        for path in concerned:
            content = contents.get(path)
            found = list(content.problems) if content is not None else []
            for policy in content.policies if content is not None else ():
                found += policy_problems(policy, self._selected)
            for waiver in content.waivers if content is not None else ():
                found += waiver_problems(waiver, self._selected)
                found += reviews(waiver, settings, as_of, first_applied)
                self._time(waiver, as_of, first_applied)
            if not _sound(found):
                raise _WholeError
            if found or path in self._problems:
                self._problems[path] = tuple(found)
        if change.waivers or ended:
            ordered = sorted(self._waivers.values(), key=lambda found: (found.file.path, found.nth))
            self._twins = tuple(twins(ordered, as_of))
        self._contents, self._as_of, self._first_applied = contents, as_of, first_applied
        self.steps += 1
        problems = {each for several in self._problems.values() for each in several}
        told = worth_telling(problems.union(self._twins), self._configuration.settings)
        loaded = Loaded(self._configuration, told)
        return loaded, change.touched

    def _difference(self, contents: Mapping[str, FileContent], changed: Collection[str]) -> _Change:
        """What changed files declared and declare; of no file that is not sound by itself."""
        change = _Change(set(changed), {}, {}, {})
        news: list[FileContent] = []
        for path in changed:
            old, new = self._contents.get(path), contents.get(path)
            if path == SETTINGS_PATH or (
                new is not None and (new.claims or not _sound(new.problems))
            ):
                raise _WholeError
            if old is not None:
                change.policies |= dict.fromkeys(each.document.id for each in old.policies)
                change.checks |= dict.fromkeys(each.document.id for each in old.checks)
                change.waivers |= dict.fromkeys(each.document.id for each in old.waivers)
            if new is not None:
                news.append(new)
            self._move(path, gone=new is None, fresh=old is None)
        now = self._configuration
        for new in news:
            _take(change.policies, new.policies, now.policies)
            _take(change.checks, new.checks, now.checks)
            _take(change.waivers, new.waivers, now.waivers)
        return change

    def _move(self, path: str, *, gone: bool, fresh: bool) -> None:
        if gone:
            self._paths.discard(path.lower())
        elif fresh:
            if not path.isascii() or path.lower() in self._paths:
                raise _WholeError
            self._paths.add(path.lower())

    def _declare(self, change: _Change) -> set[str]:
        """Put the change into everything that is known; the paths of what it can concern."""
        now = self._configuration
        for id_, check in change.checks.items():
            before = now.checks.get(id_)
            if before is None or check is None or not alike(before.document, check.document):
                raise _WholeError
        self._rename(change)
        run_before = self._selected.by_any
        self._selected.put(
            {id_: each.document if each else None for id_, each in change.policies.items()},
            {id_: each.document for id_, each in change.checks.items() if each is not None},
        )
        run_after = self._selected.by_any
        doubted = set().union(*(self._by_policy.get(id_, ()) for id_ in change.policies))
        if run_before is not run_after:
            doubted.update(*(self._by_check.get(id_, ()) for id_ in run_before ^ run_after))
        for id_, waiver in change.waivers.items():
            self._replace(id_, waiver)
        self._configuration = Configuration(
            _with(now.policies, change.policies),
            _with(now.checks, change.checks),
            _with(now.waivers, change.waivers),
            now.settings,
        )
        return change.paths | self._paths_of(doubted)

    def _rename(self, change: _Change) -> None:
        for id_ in change.policies:
            before = self._configuration.policies.get(id_)
            if before is not None:
                self._names.pop(fold(before.document.name), None)
        for id_, policy in change.policies.items():
            if (
                policy is not None
                and self._names.setdefault(fold(policy.document.name), id_) != id_
            ):
                raise _WholeError

    def _replace(self, id_: str, waiver: Found[Waiver] | None) -> None:
        before = self._waivers.pop(id_, None)
        self._steady.pop(id_, None)
        if before is not None:
            for check_id in before.document.checks:
                self._by_check[check_id].discard(id_)
            if before.document.policy_id is not None:
                self._by_policy[before.document.policy_id].discard(id_)
        if waiver is not None:
            self._waivers[id_] = waiver
            self._index(waiver)

    def _index(self, found: Found[Waiver]) -> None:
        waiver = found.document
        for check_id in waiver.checks:
            self._by_check[check_id].add(waiver.id)
        if waiver.policy_id is not None:
            self._by_policy[waiver.policy_id].add(waiver.id)

    def _time(
        self, found: Found[Waiver], as_of: datetime, first_applied: Mapping[str, datetime]
    ) -> None:
        id_ = found.document.id
        until = steady_until(found.document, as_of=as_of, first_applied=first_applied.get(id_))
        if until is None:
            self._steady.pop(id_, None)
        else:
            self._steady[id_] = until

    def _due(self, as_of: datetime, first_applied: Mapping[str, datetime]) -> set[str]:
        """Exceptions of which the clock, or their first application, may say something else."""
        due = {id_ for id_, until in self._steady.items() if until <= as_of}
        if first_applied != self._first_applied:
            before = self._first_applied
            due |= {id_ for id_ in self._waivers if first_applied.get(id_) != before.get(id_)}
        return due

    def _some_ended(self, due: Iterable[str], as_of: datetime) -> bool:
        """Whether an exception has ended since the last step: it is nobody's twin any more."""
        ends = (self._waivers[id_].document.expires_at for id_ in due)
        return any(end is not None and self._as_of < end <= as_of for end in ends)

    def _paths_of(self, waivers: Collection[str]) -> set[str]:
        return {self._waivers[id_].file.path for id_ in self._waivers.keys() & waivers}


def _take(
    change: dict[str, Found[D] | None],
    news: Iterable[Found[D]],
    now: Mapping[str, Declared[D]],
) -> None:
    """Add what changed files declare; two of one id, here or elsewhere, are not sound."""
    for found in news:
        id_ = found.document.id
        if change.get(id_) is not None or (id_ in now and id_ not in change):
            raise _WholeError
        change[id_] = found


def _with(
    now: Mapping[str, Declared[D]], change: Mapping[str, Found[D] | None]
) -> Mapping[str, Declared[D]]:
    if not change:
        return now
    after = dict(now)
    for id_, found in change.items():
        if found is None:
            after.pop(id_, None)
        else:
            after[id_] = found.declared
    return after
