from __future__ import annotations

import shutil

import pytest

from controller.config.builtin import builtin_checks, builtin_files
from tests.config.repository import CATALOG


def test_the_shipped_checks_are_read_sorted_and_without_error():
    ids = [check.id for check in builtin_checks()]

    assert ids == sorted(set(ids))


@pytest.mark.parametrize("place", ["checks", "controller/builtin/checks"])
def test_catalogs_come_from_the_checkout_or_from_the_installed_package(tmp_path, place):
    (tmp_path / place / "linux").mkdir(parents=True)
    (tmp_path / place / "linux/a.yaml").write_text(CATALOG)
    (tmp_path / place / "notes.txt").write_text("not a catalog")

    (file,) = builtin_files(tmp_path / "controller")

    assert (file.path, file.content) == ("checks/linux/a.yaml", CATALOG.encode())
    shutil.rmtree(tmp_path / place)
    assert builtin_files(tmp_path / "controller") == []
