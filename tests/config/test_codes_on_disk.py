"""Wrong and right examples that no line of YAML can show, as ``gitward validate`` meets them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.config.codes import CODES
from tests.cli.runner import run
from tests.config.repository import CATALOG, POLICY

Capture = pytest.CaptureFixture[str]
Make = Callable[[Path], object]
OFFICE = "policies/office.yaml"


def file(name: str, content: bytes | str) -> Make:
    def make(root: Path) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def policy(name: str = "Office") -> str:
    return POLICY.replace("Baseline", name)


def all_of(*makes: Make) -> Make:
    def make(root: Path) -> None:
        for each in makes:
            each(root)

    return make


def link(root: Path) -> None:
    file("elsewhere.yaml", policy())(root)
    (root / OFFICE).symlink_to(root / "elsewhere.yaml")


def unreadable(root: Path) -> None:
    """As a mode of 0000 does, and for root too: a folder of whose name only the listing knows."""
    file(OFFICE, policy())(root)
    (root / OFFICE).chmod(0)


def submodule(root: Path) -> None:
    shared = root / "policies/shared"
    shared.mkdir()
    subprocess.run(["git", "init", "--quiet", shared], check=True, env={"PATH": os.environ["PATH"]})
    file("policies/shared/office.yaml", policy())(root)


def query_of(size: int) -> Make:
    start = "SELECT active_state AS state FROM systemd_units WHERE id = '"
    query = start + "x" * (size - len(start) - 1) + "'"
    known = "SELECT active_state AS state FROM systemd_units WHERE id = 'ufw.service'"
    return file("checks/base.yaml", CATALOG.replace(known, query))


def catalog_of(kibibytes: int) -> Make:
    return file("checks/base.yaml", CATALOG + f"# {'x' * 1021}\n" * kibibytes)


SAID = file(OFFICE, policy())
ON_DISK: dict[str, tuple[Make, Make]] = {
    "GW101": (file(OFFICE, policy("B\xfcro").encode("latin-1")), file(OFFICE, policy("B\xfcro"))),
    "GW102": (file(OFFICE, "\ufeff" + policy()), SAID),
    "GW103": (
        file(OFFICE, policy('"Office \u202eelbasid"')),
        file(OFFICE, policy("Office disable")),
    ),
    "GW104": (catalog_of(300), catalog_of(150)),
    "GW118": (link, SAID),
    "GW119": (unreadable, SAID),
    "GW121": (
        all_of(SAID, file("policies/Office.yaml", "id: other\n" + policy("Other"))),
        all_of(SAID, file("policies/office-lab.yaml", policy("Other"))),
    ),
    "GW122": (submodule, file("policies/shared/office.yaml", policy())),
    "GW123": (
        file("policies/office\\lab.yaml", policy()),
        file("policies/office-lab.yaml", policy()),
    ),
    "GW503": (query_of(5_000), query_of(500)),
}
"""Code to what makes a folder wrong, and what makes it right."""


@pytest.mark.parametrize("code", ON_DISK)
def test_the_wrong_folder_has_the_problem_and_the_right_one_has_not(
    capsys: Capture, tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if code == "GW119" and os.geteuid() == 0:
        # For root no mode forbids anything: the system's own answer is given in its place.
        real = os.open

        def refuse(path: str, *more: int, **by: int) -> int:
            if str(path).endswith("office.yaml") and not Path(path).stat().st_mode & 0o444:
                raise PermissionError(13, "Permission denied")
            return real(path, *more, **by)

        monkeypatch.setattr(os, "open", refuse)
    for made, name in zip(ON_DISK[code], ("wrong", "right"), strict=True):
        root = tmp_path / name
        file("policies/baseline.yaml", POLICY)(root)
        file("checks/base.yaml", CATALOG)(root)
        made(root)
        ran = run(capsys, "validate", root, "--as-of", "2026-07-01")
        found = {word for word in ran.out.split() if word in CODES}
        assert (code in found) == (name == "wrong"), ran.out
        assert not {each for each in found if CODES[each].level == "error"} - {code}, ran.out
