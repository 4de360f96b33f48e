"""Many files read with a second process: the same as file by file, whatever becomes of that process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.config import many_files
from controller.config.files import SourceFile
from controller.config.load import FileContent, read_file
from controller.config.many_files import FilesReader
from controller.config.outline_process import framed
from controller.config.second_reader import MANY, SecondReader, second_reader
from tests.benchmarks.repository import mixed_repository


@pytest.fixture(scope="module")
def files() -> list[SourceFile]:
    """Right ones, with some of every kind of wrong among them, at both ends and in the middle."""
    found = [SourceFile(path, text.encode()) for path, text in mixed_repository(MANY).items()]
    wrong = [
        b"",
        b"\xff",
        b"a: [",
        b"a: &x 1\nb: *x\n",
        b"id: 1\nid: 2\n",
        b"x" * 300_000,
        b"- 1\n",
    ]
    wrong += [b"id: p\xc3\xa9\nname: 1.5\n", b"id: a\n---\nid: b\n", b"n: 9223372036854775807\n"]
    for number, content in enumerate(wrong):
        for place in (number, len(found) // 2, len(found)):
            found.insert(place, SourceFile(f"policies/wrong-{number}-{place}.yaml", content))
    return found


@pytest.fixture(scope="module")
def one_by_one(files: list[SourceFile]) -> list[FileContent]:
    return [read_file(file) for file in files]


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    yield
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # nobody is left


@pytest.fixture
def second() -> Iterator[SecondReader]:
    found = second_reader()
    assert found is not None
    yield found
    found.close()


def process_of(second: SecondReader) -> int:
    assert second._process is not None
    return second._process.pid


def read(files: list[SourceFile], second: SecondReader | None) -> list[FileContent]:
    reader = FilesReader(second)
    for file in files:
        reader.take(file)
    contents = reader.contents()
    assert len(contents) == len(files)
    return [contents[file.path] for file in files]


def test_many_files_are_read_as_each_by_itself(
    files: list[SourceFile], one_by_one: list[FileContent], second: SecondReader
) -> None:
    assert read(files, second) == one_by_one


def test_the_second_process_reads_everything_alike(
    files: list[SourceFile],
    one_by_one: list[FileContent],
    second: SecondReader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(many_files, "_OWN_PORTION", 0)
    monkeypatch.setattr(many_files, "read_file", None)

    assert read(files, second) == one_by_one


def test_what_a_process_that_died_does_not_answer_is_read_here(
    files: list[SourceFile], one_by_one: list[FileContent], second: SecondReader
) -> None:
    os.kill(process_of(second), signal.SIGKILL)

    assert read(files, second) == one_by_one


def test_a_process_that_dies_in_the_middle_loses_nothing(
    files: list[SourceFile], one_by_one: list[FileContent], second: SecondReader
) -> None:
    reader = FilesReader(second)
    for number, file in enumerate(files):
        if number == len(files) // 2:
            os.kill(process_of(second), signal.SIGKILL)
        reader.take(file)
    contents = reader.contents()

    assert [contents[file.path] for file in files] == one_by_one


def test_a_process_that_says_nothing_is_not_waited_for(
    files: list[SourceFile],
    one_by_one: list[FileContent],
    second: SecondReader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(many_files, "_PATIENCE_SECONDS", 0.05)
    os.kill(process_of(second), signal.SIGSTOP)

    assert read(files, second) == one_by_one


@pytest.mark.parametrize(
    "said",
    [
        framed(b"\xc1"),
        framed(b"\x90"),
        framed(b"\x91\x01"),
        b"\xff\xff\xff\xff",
        b"\x00\x00",
    ],
    ids=["no msgpack", "too little", "no outline", "too long", "half a length"],
)
def test_a_process_that_says_something_else_is_not_believed(
    said: bytes,
    files: list[SourceFile],
    one_by_one: list[FileContent],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    program = tmp_path / "liar"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nos.write(1, {said!r} * 50)\nsys.stdin.buffer.read()\n"
    )
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(many_files, "_PATIENCE_SECONDS", 0.5)
    liar = SecondReader()

    assert read(files, liar) == one_by_one
    liar.close()


def test_without_a_second_process_everything_is_read_here(
    files: list[SourceFile], one_by_one: list[FileContent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent")

    assert read(files, SecondReader()) == one_by_one
    assert read(files, None) == one_by_one


def test_on_one_core_there_is_no_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)

    assert second_reader() is None
