"""Mistakes that people make in catalogs, refused by ``gitward validate`` with line and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runner import run

CATALOG = """\
catalog: own
title: Our own
checks:
  - id: own-shells
    title: Nobody has an odd shell
    category: user_accounts
    severity: high
    cis_level: level_1
    platforms: [linux]
    description: What is looked at.
    query: SELECT username, shell, uid FROM users
    comparison_operator: equals
    expected_result: {shell: "/bin/sh"}
"""
POLICY = "name: Own\ncis_level: level_1\ntarget_os: linux\n"
EQUALS = '    comparison_operator: equals\n    expected_result: {shell: "/bin/sh"}\n'


@pytest.mark.parametrize(
    ("right", "wrong", "line", "code", "reasons"),
    [
        ("FROM users", "FROM user_list", 11, "GW231", ["'user_list'"]),
        ("FROM users", "FROM registry", 11, "GW233", ["registry", "linux"]),
        ("shell, uid", "shel, uid", 11, "GW2", ["shel"]),
        ("SELECT username", "SELEC username", 11, "GW237", ["SELEC"]),
        ("FROM users", "FROM file", 11, "GW2", []),
        ("uid FROM users", "uid FROM users; DELETE FROM users", 11, "GW2", []),
        (
            EQUALS,
            '    comparison_operator: gte\n    expected_result: {uid: "1", shell: "2"}\n',
            13,
            "GW217",
            ["exactly one column", "2"],
        ),
        (
            EQUALS,
            '    comparison_operator: gte\n    expected_result: {uid: "many"}\n',
            13,
            "GW217",
            ["'many' is not a number"],
        ),
        ('{shell: "/bin/sh"}', '"/bin/sh"', 13, "GW216", ["{column: text}"]),
        ('{shell: "/bin/sh"}', "{uid: 0}", 13, "GW203", ['"0"']),
        ('{shell: "/bin/sh"}', '{shel: "/bin/sh"}', 13, "GW236", ["shel", '"shell"']),
        ("equals", "exists", 13, "GW216", ["remove expected_result"]),
        ("equals", "regex", 12, "GW204", ["regex", "equals"]),
        ("severity: high", "severity: hihg", 7, "GW204", ['did you mean "high"?']),
        ("[linux]", "[linnux]", 9, "GW204", ['did you mean "linux"?']),
        ("cis_level: level_1", "cis_level: 1", 8, "GW20", ["level_1"]),
        ("    query:", "    querry:", 11, "GW201", ['did you mean "query"?']),
        ("id: own-shells", "id: Own Shells", 4, "GW206", []),
    ],
)
def test_a_mistake_is_refused_where_it_is(tmp_path, capsys, right, wrong, line, code, reasons):
    assert right in CATALOG

    told = problems(tmp_path, capsys, {"checks/own.yaml": CATALOG.replace(right, wrong, 1)})

    here = [text for text in told if text.startswith(f"checks/own.yaml:{line}:")]
    assert any(
        f": {code}" in text and all(reason in text for reason in reasons) for text in here
    ), told


def test_two_checks_with_one_id_in_two_files_name_each_other(tmp_path, capsys):
    told = problems(
        tmp_path,
        capsys,
        {
            "checks/own.yaml": CATALOG,
            "checks/z.yaml": CATALOG.replace("catalog: own", "catalog: z"),
        },
    )

    (twin,) = [text for text in told if "GW301" in text]
    assert twin.startswith("checks/z.yaml:4:")
    assert "checks/own.yaml:4" in twin


def test_the_same_without_a_mistake_is_fine(tmp_path, capsys):
    assert problems(tmp_path, capsys, {"checks/own.yaml": CATALOG}, code=0) == []


def test_every_mistake_of_a_file_is_told_in_one_run(tmp_path, capsys):
    wrong = CATALOG.replace("high", "hihg").replace("FROM users", "FROM user_list")

    told = problems(tmp_path, capsys, {"checks/own.yaml": wrong})

    assert [text.split(": ")[0].split(":")[1] for text in told] == ["7", "11"]


def problems(folder: Path, capsys, files: dict[str, str], *, code: int = 1) -> list[str]:
    for name, text in {"policies/own.yaml": POLICY, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    ran = run(capsys, "validate", folder)
    assert ran.code == code, ran.out + ran.err
    return [line for line in ran.out.splitlines() if ": GW" in line and "(warning)" not in line]
