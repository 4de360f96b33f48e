"""``make screenshots``: pictures of the main pages, of a seeded fleet, into docs/images.

Run as ``python -m tests.dashboard.screenshots [FOLDER]``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.dashboard.conftest import FLAGS, chromium
from tests.dashboard.seed import ROOT, Seeded, seeded
from tests.dashboard.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MACHINES = 240
WIDE, PHONE = (1280, 860), (360, 780)
PICTURES = (
    ("overview", "/", WIDE, "light", True),
    ("overview-dark", "/", WIDE, "dark", True),
    ("overview-phone", "/", PHONE, "light", False),
    ("machines", "/machines?risk=high&sort=score", WIDE, "light", False),
    ("machine", "/machines/{uuid}", WIDE, "light", False),
    ("machine-dark", "/machines/{uuid}", WIDE, "dark", False),
    ("machine-phone", "/machines/{uuid}", PHONE, "dark", False),
    ("policy", "/policies/start-here", WIDE, "light", False),
    ("check", "/checks/linux-ssh-password-login", WIDE, "light", False),
    ("exceptions", "/exceptions", WIDE, "light", False),
    ("exceptions-phone", "/exceptions", PHONE, "light", False),
    ("forecast", "/exceptions/forecast", WIDE, "light", False),
    ("exception-form", "/exceptions/new?check=linux-ssh-root-login", WIDE, "light", False),
    ("revisions", "/revisions", WIDE, "light", False),
    ("revision", "/revisions/{sha}", WIDE, "light", False),
)
"""Name, address, size, scheme, and whether the whole page is wanted."""


def main(folder: Path) -> None:
    """Take every picture."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        with (
            seeded(Path(scratch) / "ready", count=MACHINES) as made,
            serving(made.store, made.clock, preview=made.previewer) as site,
        ):
            for name, path, size, scheme, whole in PICTURES:
                address, file = site + _named(made, path), folder / f"{name}.png"
                _take(browser, made, site, address, file, size, scheme, whole=whole)
            signed_out = browser.new_page(viewport={"width": 900, "height": 560})
            signed_out.goto(f"{site}/sign-in")
            signed_out.screenshot(path=folder / "sign-in.png")
        with (
            seeded(Path(scratch) / "stalled", count=60, ending="stalled") as made,
            serving(made.store, made.clock) as site,
        ):
            _take(browser, made, site, site, folder / "stalled.png", (1280, 520), "light")
        with (
            seeded(Path(scratch) / "held", count=60, ending="held") as made,
            serving(made.store, made.clock, preview=made.previewer) as site,
        ):
            with made.store.read() as reading:
                (held,) = [e for e in reading.revisions(1, 20).items if e.result == "held"]
            address, file = f"{site}/revisions/{held.sha}/effect", folder / "held-effect.png"
            _take(browser, made, site, address, file, WIDE, "light")
        browser.close()


def _named(made: Seeded, path: str) -> str:
    with made.store.read() as reading:
        worst = reading.lowest_scores(1, made.now)[0].machine.uuid
        moved = next(e for e in reading.revisions(1, 20).items if e.subject.startswith("SSH"))
    return path.format(uuid=worst, sha=moved.sha)


def _take(
    browser: Browser,
    made: Seeded,
    site: str,
    address: str,
    file: Path,
    size: tuple[int, int],
    scheme: str,
    *,
    whole: bool = False,
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    context.add_cookies([{"name": "gitward", "value": made.tokens["admin"], "url": site}])
    page = context.new_page()
    page.goto(address)
    page.screenshot(path=file, full_page=whole)
    context.close()
    print(file.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
