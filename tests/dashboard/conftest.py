"""A seeded fleet before a real server, and a real browser that notices everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dashboard.seed import Seeded, seeded
from tests.dashboard.serving import serving
from tests.require import require

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

AXE = "axe-core@4.14.1"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    with seeded(tmp_path_factory.mktemp("fleet"), count=36) as made:
        yield made


@pytest.fixture(scope="session")
def site(fleet: Seeded) -> Iterator[str]:
    with serving(fleet.store, fleet.clock, preview=fleet.previewer) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = chromium()
    require("Chromium", found is not None)
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Seen:
    """What a browser complained of while it looked."""

    problems: list[str] = field(default_factory=list)

    def check(self) -> None:
        assert self.problems == []


@dataclass
class Visitor:
    """Opens pages of one site as one person."""

    context: BrowserContext
    page: Page
    site: str
    seen: Seen

    def open(self, path: str) -> Page:
        answer = self.page.goto(self.site + path)
        assert answer is not None
        assert answer.status == 200, path
        return self.page


Visits = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visits]:
    opened: list[Any] = []

    def make(site: str, token: str | None = None, *, width: int = 1280, **settings: Any) -> Visitor:
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        opened.append(context)
        if token is not None:
            context.add_cookies([{"name": "gitward", "value": token, "url": site}])
        page, seen = context.new_page(), Seen()
        _watch(page, site, seen)
        return Visitor(context, page, site, seen)

    yield make
    for context in opened:
        context.close()


def _watch(page: Page, site: str, seen: Seen) -> None:
    def dialog(each: Any) -> None:
        seen.problems.append(f"dialog: {each.message}")
        each.dismiss()

    def request(each: Any) -> None:
        if not each.url.startswith(site):
            seen.problems.append(f"foreign request: {each.url}")

    def console(each: Any) -> None:
        if each.type in {"error", "warning"}:
            seen.problems.append(f"console: {each.text}")

    page.on("dialog", dialog)
    page.on("request", request)
    page.on("console", console)
    page.on("pageerror", lambda error: seen.problems.append(f"script: {error}"))


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's script: fetched when it is wanted, kept outside the repository."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gitward-tests"
    script = cache / AXE / "axe.min.js"
    npm = shutil.which("npm")
    if not script.exists() and npm is not None:
        script.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [npm, "pack", "--silent", AXE],
            cwd=script.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        for archive in script.parent.glob("*.tgz") if done.returncode == 0 else ():
            with tarfile.open(archive) as packed:
                member = packed.extractfile("package/axe.min.js")
                if member is not None:
                    script.write_bytes(member.read())
    require("axe-core", script.exists())
    return script.read_text()
