"""Lists: one envelope, one set of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict

V = TypeVar("V")
T = TypeVar("T")
MAX_PAGE: Final = 2**63 - 1
_LAST_USEFUL_PAGE: Final = 2**40
"""No list is that long; beyond it a page is empty, and no offset overflows."""

Days = Annotated[int, Query(ge=1, le=366, description="How many days back, today included.")]
SortOrder = Literal["asc", "desc"]


class Listing(BaseModel, Generic[V]):
    """One page of a list."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    items: tuple[V, ...]
    total: int
    page: int
    per_page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list, in which direction, narrowed by which text."""

    page: int
    per_page: int
    descending: bool
    search: str

    @property
    def stored_page(self) -> int:
        """The page to ask a store for: an empty one where the page is beyond every list."""
        return min(self.page, _LAST_USEFUL_PAGE)


async def _paging(
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
    per_page: Annotated[int, Query(ge=1, le=100)] = 50,
    sort_order: Annotated[SortOrder, Query()] = "asc",
    search: Annotated[str, Query(max_length=200, description="Part of a text, any case.")] = "",
) -> Paging:
    return Paging(page, per_page, sort_order == "desc", search)


PageOf = Annotated[Paging, Depends(_paging)]


def envelope(items: Iterable[V], total: int, paging: Paging) -> Listing[V]:
    """A page that is already cut."""
    pages = -(-total // paging.per_page)
    return Listing[V].model_construct(
        items=tuple(items), total=total, page=paging.page, per_page=paging.per_page, pages=pages
    )


def cut(
    items: Iterable[T],
    paging: Paging,
    *,
    key: Callable[[T], object],
    texts: Callable[[T], Iterable[str]],
    show: Callable[[T], V],
) -> Listing[V]:
    """Search, sort and cut a list that is in memory; only the page's items are shown.

    Args:
        items: All of them, in the order that settles ties.
        paging: Which page.
        key: What to sort by; items without a value come first.
        texts: What a search looks into.
        show: Turns an item into its answer.
    """
    needle = paging.search.casefold()
    found = [
        each for each in items if not needle or any(needle in t.casefold() for t in texts(each))
    ]
    found.sort(key=lambda item: _rank(key(item)), reverse=paging.descending)
    return envelope(map(show, _window(found, paging)), len(found), paging)


def _rank(value: Any) -> tuple[bool, Any]:  # noqa: ANN401 - whatever compares
    return (value is not None, value)


def _window(items: Sequence[T], paging: Paging) -> Sequence[T]:
    start = (paging.stored_page - 1) * paging.per_page
    return items[start : start + paging.per_page]
