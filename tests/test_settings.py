from __future__ import annotations

import pytest

from controller.errors import UsageError
from controller.settings import OperatorSettings, from_environment

NUMBERS = {
    "GITWARD_AGENT_POLL": "agent_poll",
    "GITWARD_USER_REQUESTS_PER_MINUTE": "user_requests_per_minute",
    "GITWARD_ADDRESS_REQUESTS_PER_MINUTE": "address_requests_per_minute",
}


def test_without_an_environment_the_defaults_hold() -> None:
    assert from_environment({}) == OperatorSettings()


@pytest.mark.parametrize(("variable", "field"), NUMBERS.items())
def test_a_number_from_the_environment_is_taken(variable: str, field: str) -> None:
    assert getattr(from_environment({variable: "120"}), field) == 120


@pytest.mark.parametrize("variable", NUMBERS)
@pytest.mark.parametrize("text", ["", "0", "-1", "1e3", "many", "\u0661\u0662", "9" * 5000])
def test_what_cannot_be_meant_is_refused_by_name(variable: str, text: str) -> None:
    with pytest.raises(UsageError, match=variable):
        from_environment({variable: text})
