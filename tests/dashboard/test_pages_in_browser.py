from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders import NOW
from tests.dashboard.conftest import Visits
from tests.dashboard.seed import Seeded
from tests.dashboard.serving import serving
from tests.dashboard.sizes import ADMIN, store_of

PATHS = (
    "/",
    "/machines",
    "/machines?risk=critical&sort=score",
    "/machines/{uuid}",
    "/machines/{uuid}?status=failed",
    "/machines/{uuid}/report",
    "/policies",
    "/policies/start-here",
    "/checks",
    "/checks?severity=critical&os=linux",
    "/checks/linux-ssh-password-login",
    "/exceptions",
    "/exceptions/kiosks-shared-account",
    "/exceptions/new",
    "/exceptions/forecast",
    "/revisions",
    "/revisions/{sha}",
    "/report",
)
STATES = (
    "/machines?search=nothing-is-called-so",
    "/machines?compliant=unknown",
    "/machines?stale=yes&os=linux",
    "/machines/{uuid}?policy=start-here&search=ssh",
    "/machines/{uuid}?search=nothing-is-called-so",
    "/checks?search=nothing-is-called-so",
    "/exceptions?state=expired",
    "/exceptions?search=nothing-is-called-so",
    "/exceptions/office-printers-inbound",
    "/policies?search=nothing-is-called-so",
    "/revisions/{rejected}",
)
"""What a filter, a search or time leaves."""


SQUEEZED = """names => names.filter(each => each.textContent.length > 8
    && each.checkVisibility() && each.getBoundingClientRect().width < 48).map(each => each.textContent)"""
"""Names in a column so narrow that their words are broken letter by letter."""


def address(fleet: Seeded, path: str) -> str:
    with fleet.store.read() as reading:
        worst = reading.lowest_scores(1, fleet.now)[0].machine.uuid
        revisions = reading.revisions(1, 20).items
    newest = next(each for each in revisions if each.subject.startswith("SSH"))
    rejected = next(each for each in revisions if each.result == "rejected")
    return path.format(uuid=worst, sha=newest.sha, rejected=rejected.sha)


@pytest.mark.parametrize("path", PATHS + STATES)
def test_every_page_is_quiet_and_fits_a_phone_and_a_wall(
    fleet: Seeded, site: str, visit: Visits, path: str
) -> None:
    visitor = visit(site, fleet.tokens["admin"])

    for width in (360, 1920):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        page = visitor.open(address(fleet, path))
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{width} px"
        assert page.locator("h1").count() == 1
        assert page.locator("td .name").evaluate_all(SQUEEZED) == [], f"{width} px"
    visitor.seen.check()


@pytest.mark.parametrize(
    ("scheme", "width", "paths"),
    [("light", 1280, PATHS), ("dark", 1280, PATHS), ("dark", 360, (*PATHS[:4], *STATES))],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_no_serious_problem_on_any_page(
    fleet: Seeded,
    site: str,
    visit: Visits,
    axe: str,
    scheme: str,
    width: int,
    paths: tuple[str, ...],
) -> None:
    visitor = visit(site, fleet.tokens["admin"], width=width, color_scheme=scheme, bypass_csp=True)
    found = []
    for path in (*paths, "/nothing-here"):
        visitor.page.goto(site + address(fleet, path))
        found += serious(visitor.page, axe, path)
    signed_out = visit(site, color_scheme=scheme, bypass_csp=True)
    signed_out.open("/sign-in")
    found += serious(signed_out.page, axe, "/sign-in")

    assert found == []


def serious(page, axe: str, path: str) -> list[str]:
    page.evaluate(axe)
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{path}: {each['id']}: {each['nodes'][0]['html'][:160]} {each['nodes'][0]['failureSummary'][:200]}"
        for each in result["violations"]
        if each["impact"] in {"serious", "critical"}
    ]


@pytest.fixture(scope="module", params=[0, 1, 10_000])
def sized(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    store = store_of(tmp_path_factory.mktemp("sized"), request.param)
    with serving(store, lambda: NOW) as site:
        yield site
    store.close()


def test_pages_work_with_no_machine_one_and_ten_thousand(sized: str, visit: Visits) -> None:
    visitor = visit(sized, ADMIN)

    for path in ("/", "/machines", "/policies", "/policies/base", "/checks", "/checks/check-07",
                 "/exceptions", "/exceptions/waiver-1", "/exceptions/forecast", "/revisions",
                 "/report"):  # fmt: skip
        visitor.open(path)

    visitor.seen.check()


def test_a_person_with_a_keyboard_signs_in_and_reaches_a_failing_check(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    visitor = visit(site)
    page = visitor.open("/machines?sort=score")
    assert page.url.endswith("/sign-in?next=/machines%3Fsort%3Dscore")
    page.keyboard.type(fleet.tokens["viewer"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/machines?sort=score")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('td a.name')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/machines/*-*")
    summary = page.locator("details.result summary").nth(1)
    summary.focus()
    page.keyboard.press("Enter")

    assert page.locator("details.result").nth(1).get_attribute("open") is not None
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    visitor.seen.check()


def test_searching_narrows_the_list_as_one_types_and_the_address_says_so(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    page = visit(site, fleet.tokens["viewer"]).open("/machines?os=linux")
    page.keyboard.press("/")
    page.keyboard.type("web-0")
    page.wait_for_url("**/machines?search=web-0&os=linux")

    names = page.locator("#list a.name").all_text_contents()
    assert names
    assert all(name.startswith("web-0") for name in names)


def test_filters_say_how_many_they_find_and_are_cleared_at_once(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    visitor = visit(site, fleet.tokens["viewer"])
    page = visitor.open("/machines?os=linux&risk=critical&sort=score")
    rows = page.locator("#list tbody tr").count()
    assert page.locator(".found").inner_text().startswith(f"{rows} machine")

    page.get_by_role("link", name="Clear filters").click()
    page.wait_for_url("**/machines?sort=score")

    assert page.url.endswith("/machines?sort=score")
    assert page.locator(".found").count() == 0
    assert page.locator("#list tbody tr").count() == 36


def test_the_checks_of_a_machine_are_searched_as_one_types_and_narrowed_to_a_policy(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    page = visit(site, fleet.tokens["viewer"]).open(address(fleet, "/machines/{uuid}"))
    every = page.locator("details.result").count()
    page.get_by_label("Search its checks").fill("ssh")
    page.wait_for_url("**?search=ssh")
    names = page.locator("#outcomes summary .name").all_text_contents()
    assert 0 < len(names) < every

    with fleet.store.read() as reading:
        selected = reading.in_force().rulebook.selected["start-here"]
    page.get_by_label("Search its checks").fill("")
    page.get_by_label("Policy").select_option("start-here")
    page.wait_for_url("**policy=start-here**")
    shown = page.locator("details.result").evaluate_all("all => all.map(each => each.id)")
    assert shown
    assert set(shown) <= set(selected)
    assert len(shown) < every


def test_without_a_repository_every_page_says_so_and_how_to_follow_one(
    sized: str, visit: Visits
) -> None:
    page = visit(sized, ADMIN).open("/revisions")

    assert "No repository is followed" in page.locator(".git").inner_text()
    assert "gitward serve --repo" in page.locator(".git").inner_text()
    assert "Waiting" not in page.locator("body").inner_text()


def test_filters_are_links_that_work_without_a_script(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    visitor = visit(site, fleet.tokens["viewer"], java_script_enabled=False)
    page = visitor.open("/machines")
    page.get_by_role("link", name="macOS").click()
    page.get_by_label("Search by name or id").fill("mbp-a")
    page.get_by_role("button", name="Filter").click()

    assert "os=darwin" in page.url
    names = page.locator("#list a.name").all_text_contents()
    assert names
    assert all(name.startswith("mbp-a") for name in names)


def test_dark_is_what_the_system_says_until_the_person_chooses(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    visitor = visit(site, fleet.tokens["viewer"], color_scheme="dark")
    page = visitor.open("/")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(14, 18, 23)"

    page.get_by_role("button", name="Light").click()

    assert page.evaluate(ground) == "rgb(246, 247, 249)"
    assert visitor.open("/checks").evaluate(ground) == "rgb(246, 247, 249)"
    page.get_by_role("button", name="Auto").click()
    assert page.evaluate(ground) == "rgb(14, 18, 23)"


def test_a_commit_on_the_trend_says_by_how_much_it_moved_the_score(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    page = visit(site, fleet.tokens["viewer"]).open("/")
    mark = page.locator("svg.w640 a.mark").first
    tip = mark.locator(".tip")
    assert not tip.is_visible()

    mark.focus()

    assert tip.is_visible()
    text = tip.text_content() or ""
    assert "points" in text
    page.keyboard.press("Enter")
    page.wait_for_url("**/revisions/*")
    effect = page.locator(".figure", has_text="Effect on the average").locator(".value")
    assert (effect.text_content() or "").split()[-1] in text


def test_a_command_can_be_copied(fleet: Seeded, site: str, visit: Visits) -> None:
    visitor = visit(site, fleet.tokens["viewer"], permissions=["clipboard-read", "clipboard-write"])
    page = visitor.open("/checks/linux-ssh-password-login")
    command = page.locator(".copyable pre").text_content()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()

    assert page.evaluate("navigator.clipboard.readText()") == command


def test_a_report_on_paper_has_no_navigation_and_every_check(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    visitor = visit(site, fleet.tokens["viewer"], color_scheme="dark")
    page = visitor.open(address(fleet, "/machines/{uuid}/report"))
    page.emulate_media(media="print")

    assert not page.locator(".side").is_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    assert page.locator("section", has_text="Checks").last.locator("tbody tr").count() > 50


def test_whoever_follows_a_link_from_another_site_while_signed_in_arrives(
    fleet: Seeded, site: str, visit: Visits
) -> None:
    visitor = visit(site, fleet.tokens["viewer"])

    visitor.page.goto(f"{site}/sign-in?next=/checks")

    visitor.page.wait_for_url("**/checks")
    visitor.seen.check()
