"""The shipped checks as an agent is asked to run them."""

from __future__ import annotations

from collections.abc import Iterable

from controller.model.machine import Asked
from tests.content.documents import checks


def asked(ids: Iterable[str]) -> list[Asked]:
    """These checks, in this order."""
    known = {check["id"]: check for check in checks()}
    return [
        Asked(
            check_id=id_,
            digest="sha1:d",
            cis_id=known[id_].get("cis_id"),
            check_type=known[id_]["check_type"],
            query=known[id_]["query"],
            comparison_operator=known[id_]["comparison_operator"],
            expected_result=known[id_].get("expected_result"),
            applies_when=known[id_].get("applies_when"),
        )
        for id_ in ids
    ]
