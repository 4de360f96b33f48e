"""What the OpenAPI document says is what the running server does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from controller.api import report_route
from controller.api.app import ROUTERS
from controller.api.route import Route
from controller.api.webhooks import route as webhook_route
from tests.api.documents import base
from tests.api.server import Agent, Api, controller, serve

load_all_checks()
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with controller(tmp_path_factory.mktemp("api") / "data") as made, serve(made.app) as address:
        made.apply(base())
        api = Api(made, address)
        api.post(
            "/api/v1/compliance/policies",
            json={"id": "laptops", "name": "Laptops", "cis_level": "level_1", "target_os": "all"},
        )
        yield api
        api.http.close()


@pytest.fixture(scope="module")
def described(served: Api) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{served.address}/openapi.json")


OPERATIONS = [("post", report_route.PATH), ("post", webhook_route.PATH)] + [
    (method.lower(), route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, Route) and route.include_in_schema
    for method in sorted(route.methods or ())
]


REAL_IDS = {
    "policies": "laptops",
    "checks": "extra",
    "exceptions": "waived",
    "revisions": "0" * 39 + "1",
}


def real_ids(path: str, agent: Agent) -> dict[str, str]:
    """Ids of things that exist, so that an operation gets past its 404."""
    kind = next((each for each in REAL_IDS if f"/{each}/{{" in path), "")
    return {"uuid": agent.uuid, "id": REAL_IDS.get(kind, "x"), "sha": REAL_IDS["revisions"]}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_answers_as_documented(
    served: Api,
    described: schemathesis.BaseSchema,
    method: str,
    path: str,
    mode: GenerationMode,
) -> None:
    operation = described[path][method.upper()]
    takes_nothing = not any((operation.path_parameters, operation.query, operation.body))
    if mode is GenerationMode.NEGATIVE and takes_nothing:
        return
    agent = served.enroll("web")
    by_agent = {"/results": agent.token, "/work/agent/{uuid}": agent.token}
    token = by_agent.get(path.removeprefix("/api/v1/compliance"), served.controller.tokens["admin"])
    known = real_ids(path, agent)
    turn = itertools.count()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=6,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answers(case: schemathesis.Case[Any]) -> None:
        if next(turn) % 2:
            case.path_parameters.update(
                {name: known[name] for name in case.path_parameters if name in known}
            )
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    answers()


def test_the_document_names_every_route(served: Api) -> None:
    paths = served.get("/openapi.json").json()["paths"]
    assert {(method, path) for path in paths for method in paths[path]} == set(OPERATIONS)


def test_the_page_for_people_lists_every_operation_and_loads_nothing_from_elsewhere(
    served: Api,
) -> None:
    answer = served.get("/docs", role=None)
    assert "<script" not in answer.text
    assert "http" not in answer.text.replace("<!doctype html>", "")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    for method, path in OPERATIONS:
        assert f"<b>{method.upper()}</b> {path}" in answer.text


def test_the_page_for_people_names_the_fields_of_bodies_and_answers(served: Api) -> None:
    page = served.get("/docs", role=None).text
    assert "<code><b>results[].check_id</b></code></th><td>text (1 to 100 characters)" in page
    assert (
        "<code>distribution.critical</code>" in page or "<code>risk_distribution.critical" in page
    )
    assert "``" not in page
