from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from controller.config.compose import document_text
from controller.config.directory import read_directory
from controller.config.load import load
from controller.model.documents import RepositorySettings
from controller.store.port.store import Store, Writing
from controller.store.store import open_store
from tests.builders import NOW, add_key, enroll, make_check, make_policy, make_waiver, sha
from tests.dashboard.conftest import Visits
from tests.dashboard.seed import Seeded
from tests.dashboard.serving import serving
from tests.dashboard.sizes import ADMIN

if TYPE_CHECKING:
    from playwright.sync_api import Page

SAME = {"Sec-Fetch-Site": "same-origin"}
FORM = {
    "checks": "linux-ssh-root-login",
    "scope": "tag",
    "tag": "kiosk",
    "agent_uuid": "left over from another choice",
    "policy_id": "",
    "reason": "The vendor logs in as root until its new appliance arrives: see the contract.\r\nEnds in May.",
    "starts_at": "",
    "expires_at": "2027-05-01",
    "category": "waiver",
    "owner": "platform@example.com",
    "ticket": "https://tickets.example.com/1",
    "id": "",
}


def post(site: str, token: str, path: str = "/exceptions/new", **fields: str) -> httpx.Response:
    return httpx.post(
        site + path,
        data={**FORM, **fields},
        headers=SAME,
        cookies={"gitward": token},
        trust_env=False,
    )


def test_where_git_owns_exceptions_the_form_writes_a_file_that_validates(
    fleet: Seeded, site: str, visit: Visits, tmp_path: Path
) -> None:
    page = visit(site, fleet.tokens["viewer"]).open("/exceptions/new?check=linux-ssh-root-login")
    page.get_by_label("Machines with a tag").check()
    page.get_by_label("Tag", exact=True).fill("kiosk")
    page.get_by_label("Reason").fill(FORM["reason"])
    page.get_by_label("Ends").fill("2027-05-01")
    page.get_by_label("Owner").fill("platform@example.com")
    assert page.get_by_role("button", name="Make the exception").count() == 0
    page.get_by_role("button", name="Show the file for git").click()

    path = page.locator(".sub.mono").text_content() or ""
    text = page.locator("pre.yaml").text_content() or ""
    link = page.get_by_role("link", name="Propose it at the repository's host")
    assert (link.get_attribute("href") or "").startswith("https://gitlab.example.com/security/")
    shutil.copytree(fleet.repository.path, tmp_path / "repo", ignore=shutil.ignore_patterns(".git"))
    (tmp_path / "repo" / path).write_text(text)
    files, _ = read_directory(tmp_path / "repo")
    loaded = load(files, as_of=fleet.now)
    assert [str(each) for each in loaded.problems if each.level == "error"] == []
    (made,) = [each.document for id_, each in loaded.configuration.waivers.items() if id_ in path]
    assert made.tag == "kiosk"
    assert made.agents == ()
    assert made.reason == " ".join(FORM["reason"].split())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"checks": "no-such-check"}, "no check has the id"),
        ({"checks": ""}, "check"),
        ({"reason": "short"}, "10"),
        ({"expires_at": "2026-01-01"}, "expires_at"),
        ({"expires_at": "2036-01-01"}, "365"),
        ({"expires_at": "tomorrow"}, "date"),
        ({"scope": "agent", "agent_uuid": "not-a-uuid"}, "agent_uuid"),
        ({"scope": "everything"}, "scope"),
        ({"owner": ""}, "owner"),
        ({"id": "kiosks-shared-account"}, "already"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_typed_stays(
    fleet: Seeded, site: str, fields: dict[str, str], message: str
) -> None:
    answer = post(site, fleet.tokens["viewer"], action="file", **fields)

    assert answer.status_code == 422
    assert "wrong" in answer.text
    assert message in answer.text
    assert "platform@example.com" in answer.text or "owner" in fields


def test_git_has_the_last_word_even_when_the_form_is_made_up(fleet: Seeded, site: str) -> None:
    answer = post(site, fleet.tokens["admin"], action="create", id="made-up")

    assert answer.status_code == 422
    assert "git policies select" in answer.text
    with fleet.store.read() as reading:
        assert "made-up" not in reading.in_force().waivers


# -- where the API may write


def add_token(writing: Writing, role: Any, token: str) -> None:
    hash_ = sha(token)
    writing.add_token(role, role, role, hash_, actor="tests", as_of=NOW, expires_at=None)


@pytest.fixture
def free(tmp_path: Path) -> Iterator[tuple[Store, str]]:
    store = open_store(tmp_path)
    with store.write() as writing:
        check = make_check("check-1")
        writing.put_object("check", check, actor="tests", as_of=NOW, create=True)
        writing.put_object("policy", make_policy(), actor="tests", as_of=NOW, create=True)
        add_key(writing)
        enroll(writing, "token-1")
        for role, token in (("admin", ADMIN), ("manager", "m"), ("viewer", "v")):
            add_token(writing, role, token)
    with serving(store, lambda: NOW) as site:
        yield store, site
    store.close()


def test_where_git_leaves_it_open_a_manager_makes_and_ends_an_exception(
    free: tuple[Store, str], visit: Visits
) -> None:
    store, site = free
    visitor = visit(site, "m")
    page = visitor.open("/exceptions/new?check=check-1")
    page.get_by_label("Reason").fill("Accepted for the tests of this form.")
    page.get_by_role("button", name="Make the exception").click()
    page.wait_for_url("**/exceptions/check-1")
    with store.read() as reading:
        assert reading.in_force().waivers["check-1"].manager == "api:manager"

    page.get_by_role("button", name="Delete this exception").click()
    page.wait_for_url("**/exceptions")

    with store.read() as reading:
        assert reading.in_force().waivers == {}
    visitor.seen.check()


WITHOUT_SCRIPT = {"java_script_enabled": False}


def tab_to(page: Page, id_: str) -> None:
    """Go on with the Tab key until that field has the focus."""
    for _ in range(60):
        if page.evaluate("document.activeElement.id") == id_:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not reach {id_}")


def fill_in_by_keyboard(page: Page, check: str) -> None:
    """Every field that is needed, in the order in which the Tab key reaches them."""
    tab_to(page, "checks")
    page.keyboard.type(check)
    tab_to(page, "scope-global")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    tab_to(page, "tag")
    page.keyboard.type("kiosk")
    tab_to(page, "reason")
    page.keyboard.type("Typed by somebody who has no mouse.")
    tab_to(page, "expires_at")
    page.keyboard.type("05012027")
    tab_to(page, "owner")
    page.keyboard.type("platform@example.com")


def test_with_a_keyboard_alone_one_gets_the_file_that_git_wants(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    visitor = visit(site, fleet.tokens["viewer"], locale="en-US")
    page = visitor.open("/exceptions/new")
    fill_in_by_keyboard(page, "linux-ssh-root-login")
    page.keyboard.press("Enter")

    text = page.locator("pre.yaml").text_content() or ""
    assert "tag: kiosk\n" in text
    assert "expires_at: 2027-05-01\n" in text
    visitor.seen.check()


def test_with_a_keyboard_alone_a_manager_makes_an_exception(
    free: tuple[Store, str], visit: Visits
) -> None:
    store, site = free
    visitor = visit(site, "m", locale="en-US")
    page = visitor.open("/exceptions/new")
    fill_in_by_keyboard(page, "check-1")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "create":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/exceptions/check-1*")

    with store.read() as reading:
        (made,) = [each.document for each in reading.in_force().waivers.values()]
    assert (made.scope, made.tag, made.owner) == ("tag", "kiosk", "platform@example.com")
    visitor.seen.check()


def test_without_a_script_the_form_still_gives_the_file(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    visitor = visit(site, fleet.tokens["viewer"], **WITHOUT_SCRIPT)
    page = visitor.open("/exceptions/new?check=linux-ssh-root-login")
    page.get_by_label("One policy, on every machine").check()
    page.get_by_label("Policy", exact=True).select_option("linux-hardened")
    page.get_by_label("Reason").fill(FORM["reason"])
    page.get_by_label("Ends").fill("2027-05-01")
    page.get_by_label("Owner").fill("platform@example.com")
    page.get_by_role("button", name="Show the file for git").click()

    assert "policy_id: linux-hardened\n" in (page.locator("pre.yaml").text_content() or "")
    visitor.seen.check()


def test_without_a_script_a_manager_still_makes_and_ends_an_exception(
    free: tuple[Store, str], visit: Visits
) -> None:
    store, site = free
    with store.read() as reading:
        machine = reading.every_machine(limit=1)[0][0].uuid
    visitor = visit(site, "m", **WITHOUT_SCRIPT)
    page = visitor.open("/exceptions/new?check=check-1")
    page.get_by_label("One machine").check()
    page.get_by_label("The machine's id").fill(machine)
    page.get_by_label("Reason").fill("Accepted for the tests of this form.")
    page.get_by_role("button", name="Make the exception").click()
    page.wait_for_url("**/exceptions/check-1*")
    with store.read() as reading:
        (made,) = [each.document for each in reading.in_force().waivers.values()]
    assert made.agents == (machine,)

    page.get_by_role("button", name="Delete this exception").click()
    page.wait_for_url("**/exceptions")

    with store.read() as reading:
        assert reading.in_force().waivers == {}
    visitor.seen.check()


def test_a_viewer_is_told_why_and_may_do_nothing(free: tuple[Store, str]) -> None:
    store, site = free
    with store.write() as writing:
        writing.put_object("exception", make_waiver("w"), actor="x", as_of=NOW, create=True)
    page = httpx.get(f"{site}/exceptions/w", cookies={"gitward": "v"}, trust_env=False)
    form = httpx.get(f"{site}/exceptions/new", cookies={"gitward": "v"}, trust_env=False)

    assert "needs the role manager" in page.text
    assert "needs the role manager" in form.text
    assert "Delete this exception" not in page.text
    assert post(site, "v", checks="check-1", action="create").status_code == 403
    refused = post(site, "v", "/exceptions/w", action="delete")
    assert refused.status_code == 403
    with store.read() as reading:
        assert set(reading.in_force().waivers) == {"w"}


def test_a_composed_document_reads_back_as_it_was() -> None:
    waiver = make_waiver(
        "w-1", check_ids=("a", "b"), reason="It says: 'no' # and more. " + "Words to fold, " * 20 + "end.",
        owner="no", ticket="- x: [1]", scope="agent", agent_uuid="3f0c1b7e-6a55-4a0e-9d53-0d3c0f7b0a11",
    )  # fmt: skip

    text = document_text(waiver)

    assert "reason: >-\n" in text
    assert 'owner: "no"' in text
    assert RepositorySettings().api_exceptions == "deny"
