"""How a change weakens what is demanded, in words; from the JSON form of a plan. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

Body = dict[str, Any]

_WITHOUT_FLEET: Final = {
    ("policy", "threshold"): "its threshold is lower",
    ("policy", "checks"): "it runs fewer checks",
    ("policy", "severity"): "it takes checks for less severe",
    ("policy", "errors"): "it no longer counts errors",
    ("policy", "machines"): "it leaves machines out",
    ("policy", "enabled"): "it is switched off",
    ("policy", "removed"): "it goes",
    ("policy", "interval"): "it asks less often",
    ("policy", "protect"): "deleting it no longer waits for a person",
    ("check", "severity"): "it is less severe",
    ("check", "level"): "policies of level 1 no longer run it",
    ("check", "platforms"): "it is for fewer platforms",
    ("check", "condition"): "it is left out where its condition finds nothing",
    ("check", "expectation"): "it expects less",
    ("check", "removed"): "it goes",
    ("exception", "added"): "it exempts",
    ("exception", "checks"): "it exempts more checks",
    ("exception", "reach"): "it reaches further",
    ("exception", "end"): "it lasts longer",
    ("exception", "start"): "it begins earlier",
}


def weakening_lines(operation: Body) -> Iterator[str]:
    """A sentence for each way in which the change weakens, with its weight where the fleet shows it."""
    for each in operation["weakens"]:
        key = (operation["kind"], each["by"])
        words = _WITHOUT_FLEET.get(key, "it demands less")
        if each["fleet"] is not None and key in _WEIGHTS:
            # Another version's controller may weigh by other figures: the words alone still hold.
            with suppress(KeyError, TypeError):
                words += f": {_WEIGHTS[key](each['fleet'])}"
        yield words


def _only_through_it(fleet: Body) -> str:
    return f"{_machines(fleet['agents'])} compliant only through it"


def _left_out(fleet: Body) -> str:
    many = _results(fleet["failing"])
    return f"{many} on {_machines(fleet['agents'])} no longer counted"


def _judged(fleet: Body) -> str:
    return (
        f"{_machines(fleet['agents'])} no longer judged by it, of which "
        f"{fleet['noncompliant']} non-compliant, with {_results(fleet['failing'])}"
    )


def _errors(fleet: Body) -> str:
    return f"{fleet['errors']} errors on {_machines(fleet['agents'])} no longer counted"


def _averages(fleet: Body) -> str:
    old, new = (_number(fleet[f"average_{which}"]) for which in ("without", "with"))
    return f"the average is {new} with it and {old} without, {_machines(fleet['agents'])} move"


def _stale(fleet: Body) -> str:
    old, new = fleet["stale_hours_before"], fleet["stale_hours"]
    return (
        f"{_machines(fleet['agents'])} count as stale {_after(new)}, not {_after(old)} as before"
        if new != old
        else f"{_machines(fleet['agents'])}, stale {_after(new)} as before"
    )


def _gone(fleet: Body) -> str:
    return f"{_machines(fleet['agents'])} on which it fails no longer counted"


def _pass(fleet: Body) -> str:
    return f"{_machines(fleet['agents'])} on which it fails now pass"


def _covered(fleet: Body) -> str:
    return f"{fleet['pairs']} results, {fleet['failing']} of them fail now"


def _added(fleet: Body) -> str:
    days = fleet["days"]
    return f"{_covered(fleet)}, {'without an end' if days is None else f'for {days:g} days'}"


def _wider(fleet: Body) -> str:
    before = f"{fleet['pairs_before']} results of which {fleet['failing_before']} fail"
    return f"{_covered(fleet)}; before {before}"


def _longer(fleet: Body) -> str:
    days = fleet["days"]
    return f"{'no end any more' if days is None else f'{days:g} days'}, for {_covered(fleet)}"


_WEIGHTS: Final[dict[tuple[str, str], Callable[[Body], str]]] = {
    ("policy", "threshold"): _only_through_it,
    ("policy", "checks"): _left_out,
    ("policy", "severity"): _averages,
    ("policy", "errors"): _errors,
    ("policy", "machines"): _judged,
    ("policy", "enabled"): _judged,
    ("policy", "removed"): _judged,
    ("policy", "interval"): _stale,
    ("check", "severity"): _averages,
    ("check", "level"): _gone,
    ("check", "platforms"): _gone,
    ("check", "removed"): _gone,
    ("check", "expectation"): _pass,
    ("exception", "added"): _added,
    ("exception", "checks"): _wider,
    ("exception", "reach"): _wider,
    ("exception", "end"): _longer,
    ("exception", "start"): _longer,
}


def left_out_lines(impact: Body) -> Iterator[str]:
    """What was too much to look at one by one, counted."""
    if impact["ends_left_out"]:
        yield (
            f"{impact['ends_left_out']} exceptions end later than the instants that were looked at: "
            "the score on their last day is not shown"
        )
    if impact["severities_left_out"]:
        yield (
            f"{impact['severities_left_out']} lowered severities of checks were not weighed one by "
            "one: the fleet's averages hold all of them"
        )


def _after(hours: float | None) -> str:
    return "never" if hours is None else f"after {hours:g} hours"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _machines(number: int) -> str:
    return f"{number} machine{'' if number == 1 else 's'}"


def _results(number: int) -> str:
    return f"{number} failing result{'' if number == 1 else 's'}"
