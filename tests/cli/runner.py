"""Runs the command line in this process, as a shell would see it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from controller.cli.main import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ran:
    capsys.readouterr()
    code = main([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return Ran(code, out, err)
