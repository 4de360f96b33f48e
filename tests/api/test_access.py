"""Every route, asked by everybody: for their own machine, for another's, for none there is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from controller.api import report_route
from controller.api.access import Access
from controller.api.app import ROUTERS
from controller.api.route import Route
from controller.model.terms import ROLES
from tests.api.documents import base
from tests.api.server import Agent, Api, controller, serve

V1, C = "/api/v1", "/api/v1/compliance"
# Who may: the least role, "agent" for a machine alone, "+agent" for it too, "anyone", "loopback".
EXPECTED = {
    ("GET", f"{C}/policies"): "viewer",
    ("POST", f"{C}/policies"): "manager",
    ("GET", f"{C}/policies/{{id}}"): "viewer",
    ("PUT", f"{C}/policies/{{id}}"): "manager",
    ("DELETE", f"{C}/policies/{{id}}"): "manager",
    ("POST", f"{C}/policies/{{id}}/execute"): "technician",
    ("GET", f"{C}/checks"): "viewer",
    ("POST", f"{C}/checks"): "manager",
    ("POST", f"{C}/checks/seed"): "manager",
    ("GET", f"{C}/checks/{{id}}"): "viewer",
    ("PUT", f"{C}/checks/{{id}}"): "manager",
    ("DELETE", f"{C}/checks/{{id}}"): "manager",
    ("GET", f"{C}/exceptions"): "viewer",
    ("POST", f"{C}/exceptions"): "manager",
    ("GET", f"{C}/exceptions/{{id}}"): "viewer",
    ("PUT", f"{C}/exceptions/{{id}}"): "manager",
    ("DELETE", f"{C}/exceptions/{{id}}"): "manager",
    ("GET", f"{C}/results/agent/{{uuid}}"): "viewer+agent",
    ("GET", f"{C}/score/agent/{{uuid}}"): "viewer+agent",
    ("GET", f"{C}/history/agent/{{uuid}}"): "viewer+agent",
    ("GET", f"{C}/stats"): "viewer",
    ("GET", f"{C}/trend"): "viewer",
    ("GET", f"{C}/forecast"): "viewer",
    ("GET", f"{C}/exception-findings"): "viewer",
    ("GET", f"{C}/stats/top-failing"): "viewer",
    ("GET", f"{C}/work/agent/{{uuid}}"): "agent",
    ("POST", report_route.PATH): "agent",
    ("GET", f"{V1}/agents"): "viewer",
    ("GET", f"{V1}/agents/{{uuid}}"): "viewer+agent",
    ("PUT", f"{V1}/agents/{{uuid}}"): "manager",
    ("DELETE", f"{V1}/agents/{{uuid}}"): "manager",
    ("POST", f"{V1}/agents/{{uuid}}/approve"): "admin",
    ("POST", f"{V1}/agents/{{uuid}}/reject"): "admin",
    ("POST", f"{V1}/enrollment/register"): "anyone",
    ("GET", f"{V1}/enrollment/status/{{uuid}}"): "anyone",
    ("GET", f"{V1}/tokens"): "admin",
    ("POST", f"{V1}/tokens"): "admin",
    ("DELETE", f"{V1}/tokens/{{id}}"): "admin",
    ("GET", f"{V1}/enrollment-keys"): "admin",
    ("POST", f"{V1}/enrollment-keys"): "admin",
    ("DELETE", f"{V1}/enrollment-keys/{{id}}"): "admin",
    ("GET", f"{V1}/gitops/status"): "viewer",
    ("GET", f"{V1}/gitops/revisions"): "viewer",
    ("GET", f"{V1}/gitops/revisions/{{sha}}"): "viewer",
    ("GET", f"{V1}/gitops/events"): "viewer",
    ("GET", f"{V1}/gitops/trace"): "viewer",
    ("GET", f"{V1}/gitops/notifications"): "viewer",
    ("POST", f"{V1}/gitops/notifications/{{id}}/retry"): "admin",
    ("GET", f"{V1}/gitops/audit"): "admin",
    ("POST", f"{V1}/gitops/plan"): "viewer",
    ("POST", f"{V1}/gitops/proposals"): "manager",
    ("POST", f"{V1}/gitops/reconcile"): "admin",
    ("POST", f"{V1}/gitops/confirm"): "admin",
    ("POST", f"{V1}/gitops/suspend"): "admin",
    ("POST", f"{V1}/gitops/resume"): "admin",
    ("GET", "/healthz"): "anyone",
    ("GET", "/readyz"): "anyone",
    ("GET", "/metrics"): "loopback",
    ("GET", "/openapi.json"): "loopback",
    ("GET", "/docs"): "loopback",
}
ROUTES = {("POST", report_route.PATH): report_route.ACCESS} | {
    (method, route.path): route.access
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, Route)
    for method in sorted(route.methods or ())
}
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("access") / "data"
    # Reached from elsewhere: documentation and metrics need a token too.
    with controller(folder, loopback=False) as made, serve(made.app) as address:
        made.apply(base())
        client = Api(made, address)
        yield client
        client.http.close()


@pytest.fixture(scope="module")
def agents(api: Api) -> tuple[Agent, Agent]:
    return api.enroll(hostname="mine"), api.enroll(hostname="theirs")


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(EXPECTED) == set(ROUTES)


def named(access: Access) -> str:
    if access.anyone:
        return "anyone"
    if access.loopback:
        return "loopback"
    if access.role is None:
        return "agent"
    return f"{access.role}+agent" if access.agent else access.role


@pytest.mark.parametrize(("method", "path"), sorted(EXPECTED))
def test_a_route_is_for_whom_its_row_says(method: str, path: str) -> None:
    assert named(ROUTES[method, path]) == EXPECTED[method, path]


def ask(api: Api, method: str, path: str, uuid: str, token: str) -> int:
    """Ask for a thing that is not there, with a body that no route takes: nothing is changed."""
    filled = path.format(uuid=uuid, id="no-such-thing", sha="no-such-commit")
    body = {"content": b'{"no-such-field": 1}'} if method in {"POST", "PUT"} else {}
    headers = {"Content-Type": "application/json"} if body else {}
    return api.call(method, filled, role=None, token=token, headers=headers, **body).status_code


@pytest.mark.parametrize(("method", "path"), sorted(EXPECTED))
def test_nobody_gets_past_a_route_that_is_not_open(api: Api, method: str, path: str) -> None:
    if EXPECTED[method, path] == "anyone":
        return
    assert ask(api, method, path, NOBODY, "") == 401
    assert ask(api, method, path, NOBODY, "gwu_made-up") == 401


@pytest.mark.parametrize(("method", "path"), sorted(EXPECTED))
def test_a_person_needs_the_role(
    api: Api, agents: tuple[Agent, Agent], method: str, path: str
) -> None:
    expected = EXPECTED[method, path].removesuffix("+agent").replace("loopback", "viewer")
    if expected == "anyone" or (method == "DELETE" and "{uuid}" in path):
        return
    for role in ROLES:
        refused = expected == "agent" or ROLES.index(role) < ROLES.index(expected)
        # The machine does not exist, so that approving it and the like does nothing.
        status = ask(api, method, path, NOBODY, api.controller.tokens[role])
        assert (status == 403) == refused, (role, status)


@pytest.mark.parametrize(("method", "path"), sorted(EXPECTED))
def test_a_machine_speaks_for_itself_alone(
    api: Api, agents: tuple[Agent, Agent], method: str, path: str
) -> None:
    expected = EXPECTED[method, path]
    if expected == "anyone":
        return
    mine, theirs = agents
    own = ask(api, method, path, mine.uuid, mine.token)
    if "agent" not in expected:
        assert own == 403
        return
    assert own not in {401, 403, 404}
    if "{uuid}" in path:
        missing = path.format(uuid=NOBODY)
        foreign = path.format(uuid=theirs.uuid)
        answers = [api.call(method, each, token=mine.token) for each in (foreign, missing)]
        assert [each.status_code for each in answers] == [404, 404]
        bodies = [
            each.text.replace(uuid, "UUID")
            for each, uuid in zip(answers, (theirs.uuid, NOBODY), strict=True)
        ]
        assert bodies[0] == bodies[1]


def test_a_revoked_token_fails_at_its_next_request(api: Api) -> None:
    made = api.post("/api/v1/tokens", json={"name": "short-lived", "role": "viewer"}).json()
    assert api.get(f"{C}/stats", token=made["token"]).status_code == 200
    assert api.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    refused = api.get(f"{C}/stats", token=made["token"])
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert api.delete(f"/api/v1/tokens/{made['id']}").status_code == 404


def test_an_expired_token_fails_from_that_instant_on(api: Api) -> None:
    clock = api.controller.clock
    token = api.controller.token("viewer", expires_at=clock.now + timedelta(seconds=10))
    assert api.get(f"{C}/stats", token=token).status_code == 200
    clock.forward(seconds=10)
    assert api.get(f"{C}/stats", token=token).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["Basic dTpw", "Bearer", "bearer\tx", "Token x", "Bearer " + "x" * 10_000],
)
def test_what_is_not_a_bearer_token_is_no_token(api: Api, header: str) -> None:
    answer = api.get(f"{C}/stats", role=None, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["code"] == "UNAUTHENTICATED"


def test_two_authorization_headers_are_none(api: Api) -> None:
    token = api.controller.tokens["admin"]
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert api.http.get(f"{C}/stats", headers=headers).status_code == 401


def test_the_secret_is_shown_once_and_never_listed(api: Api) -> None:
    made = api.post("/api/v1/tokens", json={"name": "shown", "role": "manager"})
    assert made.status_code == 201
    assert made.headers["location"] == f"/api/v1/tokens/{made.json()['id']}"
    token = made.json()["token"]
    assert token.startswith("gwu_")
    assert token not in api.get("/api/v1/tokens?per_page=100").text
    key = api.post("/api/v1/enrollment-keys", json={"tags": ["web"], "uses": 2}).json()
    assert key["key"].startswith("gwe_")
    assert key["uses_left"] == 2
    listed = api.get("/api/v1/enrollment-keys?per_page=100")
    assert key["key"] not in listed.text
    assert key["id"] in listed.text
