"""Templates: escaped always, strict about names that do not exist."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from controller.dashboard import assets, words


@cache
def environment() -> Environment:
    """The one environment of the process."""
    made = Environment(
        loader=PackageLoader("controller.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for filter_ in (
        words.number, words.score, words.percent, words.signed, words.span, words.ago, words.ahead,
        words.day, words.short_day, words.clock, words.machine_time, words.phrase, words.spaced,
        words.abridged, words.short, words.cut,
        words.safe_link, words.evidence, words.plural,
    ):  # fmt: skip
        made.filters[filter_.__name__] = filter_
    made.globals.update(
        asset=assets.address,
        RISK_SHAPES=words.RISK_SHAPES,
        OUTCOME_SHAPES=words.OUTCOME_SHAPES,
        OUTCOME_NAMES=words.OUTCOME_NAMES,
        PLATFORM_NAMES=words.PLATFORM_NAMES,
        NOTHING=words.NOTHING,
    )
    return made


def render(template: str, **values: Any) -> str:  # noqa: ANN401 - whatever the template shows
    """A page's text."""
    return environment().get_template(template).render(values)
