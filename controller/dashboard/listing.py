"""Lists that are in memory: searched, sorted and cut as the address says. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from controller.dashboard.visit import Query

T = TypeVar("T")
PER_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """One page of a list."""

    items: tuple[T, ...]
    total: int
    page: int
    per_page: int = PER_PAGE

    @property
    def pages(self) -> int:
        return -(-self.total // self.per_page)

    @property
    def first(self) -> int:
        """The number of the first item shown; 0 when there is none."""
        return (self.page - 1) * self.per_page + 1 if self.items else 0

    @property
    def last(self) -> int:
        return self.first + len(self.items) - 1 if self.items else 0


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is sorted by."""

    by: str
    descending: bool


def order(query: Query, keys: Iterable[str], default: str, *, descending: bool = False) -> Order:
    """The order that the address asks for.

    Raises:
        RejectedError: It asks for something that is not offered.
    """
    by = query.one_of("sort", *keys)
    direction = query.one_of("order", "asc", "desc")
    if not by:
        return Order(default, direction == "desc" if direction else descending)
    return Order(by, direction == "desc")


def arranged(items: Iterable[T], chosen: Order, keys: Mapping[str, Callable[[T], Any]]) -> list[T]:
    """Sorted; what has no value comes last in both directions."""
    key = keys[chosen.by]
    valued: list[T] = []
    empty: list[T] = []
    for item in items:
        (empty if key(item) is None else valued).append(item)
    valued.sort(key=key, reverse=chosen.descending)
    return valued + empty


def matching(items: Iterable[T], search: str, texts: Callable[[T], Iterable[str]]) -> list[T]:
    """Those in whose texts every word of a search occurs, any case."""
    words = search.casefold().split()
    return [
        item
        for item in items
        if not words or all(w in " ".join(texts(item)).casefold() for w in words)
    ]


def cut(items: Sequence[T], page: int, per_page: int = PER_PAGE) -> Listed[T]:
    """One page of them."""
    start = (page - 1) * per_page
    return Listed(tuple(items[start : start + per_page]), len(items), page, per_page)
