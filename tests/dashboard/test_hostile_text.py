"""Text from agents and from git is only ever text, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import parse_qs, urlsplit

import pytest

from controller.config.compose import document_text
from controller.model.report import Report, Result
from controller.store.port.machines import Claim
from controller.store.port.reports import Submission
from controller.store.store import open_store
from tests.builders import NOW, add_key, make_check, make_policy, make_waiver, sha
from tests.dashboard.conftest import Visits
from tests.dashboard.seed import Seeded, opened
from tests.dashboard.serving import serving
from tests.dashboard.sizes import ADMIN

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    '" autofocus onfocus=alert(1) x="',
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</svg><script>alert(1)</script>",
    "<iframe src=javascript:alert(1)>",
    "<object data=javascript:alert(1)>",
    "<base href=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<form action=https://evil.example><input>",
    "<a href=javascript:alert(1)>click</a>",
    "<math><mtext></mtext><script>alert(1)</script></math>",
    "{{ 7 * 7 }}",
    "{% raw %}x",
    "${alert(1)}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!--<script>alert(1)//-->",
    "<details open ontoggle=alert(1)>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
)


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    store = open_store(tmp_path_factory.mktemp("hostile"))
    uuids = []
    with store.write() as writing:
        for number, text in enumerate(HOSTILE):
            check = make_check(
                f"check-{number:02}", title=text, description=text, impact=text, references=(text,),
                remediation={"steps": (text,), "command": text}, query=f"SELECT 1 -- {text}",
                frameworks={text: (text,)}, cis_id=text,
            )  # fmt: skip
            writing.put_object("check", check, actor=text, as_of=NOW, create=True)
            waiver = make_waiver(
                f"waiver-{number:02}", check_id=f"check-{number:02}", reason=f"because {text}",
                owner=text, ticket=text, requested_by=text, approved_by=(text,), scope="tag", tag="x",
            )  # fmt: skip
            writing.put_object("exception", waiver, actor=text, as_of=NOW, create=True)
        policy = make_policy("policy-1", name=HOSTILE[0], description=HOSTILE[1])
        writing.put_object("policy", policy, actor="tests", as_of=NOW, create=True)
        key = add_key(writing)
        writing.add_token(
            "a", HOSTILE[0], "admin", sha(ADMIN), actor="x", as_of=NOW, expires_at=None
        )
        for number, text in enumerate(HOSTILE):
            claim = Claim(text, "linux", text, text, text)
            machine = writing.enroll(claim, key, sha(f"token-{number}"), NOW)
            uuids.append(machine.uuid)
            results = tuple(
                Result(f"check-{each:02}", "failed", None, {value: value}, value)
                for each, value in enumerate(HOSTILE)
            )
            report = Report(f"00000000-0000-4000-8000-{number:012}", NOW, results)
            writing.record_reports([Submission(machine.uuid, sha(f"token-{number}"), report, NOW)])
    with serving(store, lambda: NOW) as site:
        yield site, uuids
    store.close()


def test_no_hostile_text_becomes_markup_on_any_page(
    hostile_site: tuple[str, list[str]], visit: Visits
) -> None:
    site, uuids = hostile_site
    visitor = visit(site, ADMIN)
    visitor.page.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " e => console.error('policy: ' + e.violatedDirective))"
    )
    paths = [
        "/",
        "/machines",
        "/policies",
        "/policies/policy-1",
        "/checks",
        "/exceptions",
        "/report",
    ]
    paths += [f"/machines/{uuids[number]}" for number in (0, 5, 16)]
    paths += [f"/machines/{uuids[3]}/report", "/exceptions/new?check=" + "%22%3E%3Cscript%3E"]
    paths += [f"/checks/check-{number:02}" for number in range(0, len(HOSTILE), 3)]
    paths += [f"/exceptions/waiver-{number:02}" for number in range(0, len(HOSTILE), 4)]

    for path in paths:
        page = visitor.open(path)
        foreign = page.evaluate(
            "[...document.querySelectorAll('a, form, base, link, script, iframe, object, img')]"
            ".map(e => e.getAttribute('href') || e.getAttribute('action') || e.src || e.data || '')"
            ".filter(u => u && !new URL(u, location.href).href.startsWith(location.origin))"
        )
        assert foreign == [], path
        assert page.locator("main script, main iframe, main object, main base").count() == 0, path

    visitor.seen.check()


def test_hostile_text_is_shown_as_it_is(hostile_site: tuple[str, list[str]], visit: Visits) -> None:
    site, uuids = hostile_site
    visitor = visit(site, ADMIN)

    names = visitor.open("/machines").locator("#list td:first-child a.name").all_text_contents()
    assert sorted(names) == sorted(HOSTILE)
    page = visitor.open(f"/machines/{uuids[0]}")
    evidence = page.locator("details.result pre").all_text_contents()
    assert {f"{text} = {text}\n{text}" for text in HOSTILE} <= set(evidence)


def test_hostile_search_words_come_back_as_text(
    hostile_site: tuple[str, list[str]], visit: Visits
) -> None:
    site, _ = hostile_site
    visitor = visit(site, ADMIN)
    page = visitor.open("/machines")
    for text in HOSTILE[:6]:
        page.locator("#search").fill(text)
        page.wait_for_url(_searches_for(text))
        names = page.locator("#list a.name").all_text_contents()
        assert text in names
        assert all(text.casefold() in name.casefold() for name in names)

    visitor.seen.check()


def _searches_for(text: str) -> Callable[[str], bool]:
    return lambda url: parse_qs(urlsplit(url).query).get("search") == [text]


@pytest.fixture(scope="module")
def differing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Seeded, str]]:
    """A repository whose second commit puts every hostile text in place of a plain one."""
    made = opened(tmp_path_factory.mktemp("differing"), days=1)
    try:
        made.commit(_documents(["plain"] * len(HOSTILE)), "Begin")
        made.commit(_documents(HOSTILE), HOSTILE[0], author=HOSTILE[7])
        made.commit(_documents(["plain"] * len(HOSTILE)), HOSTILE[1], author=HOSTILE[4])
        with made.store.write() as writing:
            hash_ = sha(ADMIN)
            writing.add_token("a", "a", "admin", hash_, actor="x", as_of=NOW, expires_at=None)
        with serving(made.store, made.clock) as site:
            yield made, site
    finally:
        made.close()


def _documents(texts: Sequence[str]) -> dict[str, str | None]:
    checks = [
        make_check(
            f"check-{number:02}", title=text, description=text, references=(f"see {text}",),
            remediation={"steps": (text,), "command": text},
        ).model_dump(mode="json", exclude_unset=True)
        for number, text in enumerate(texts)
    ]  # fmt: skip
    return {
        "policies/policy-1.yaml": document_text(make_policy()),
        "checks/all.yaml": json.dumps({"title": "All", "checks": checks}),
    }


def test_hostile_text_in_what_a_commit_changed_is_shown_as_it_is(
    differing: tuple[Seeded, str], visit: Visits
) -> None:
    made, site = differing
    visitor = visit(site, ADMIN)
    with made.store.read() as reading:
        back, there, _ = reading.revisions(1, 10).items
    assert (back.result, there.result) == ("applied", "applied")

    for record, side in ((there, "ins"), (back, "del")):
        page = visitor.open(f"/revisions/{record.sha}")
        shown = page.locator(f"dl.diff {side}").all_text_contents()
        assert set(HOSTILE) <= set(shown)
        assert {f"see {text}" for text in HOSTILE} <= set(shown)
        assert page.locator("main script, main iframe, main object, main img").count() == 0
        assert page.locator("h1").text_content() == record.subject
    visitor.open("/revisions")
    visitor.seen.check()
