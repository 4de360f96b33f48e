from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest


@contextmanager
def listening(source):
    stop, noticed = threading.Event(), threading.Event()

    def listen() -> None:
        for _ in source.watch(stop):
            noticed.set()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield noticed
    finally:
        stop.set()
        thread.join(timeout=30)
        assert not thread.is_alive()


@pytest.mark.parametrize("shape", ["plain", "linked", "bare", "nested-branch"])
def test_a_commit_to_a_local_repository_is_noticed(repo, source_of, tmp_path, shape):
    repo.commit({"policies/a.yaml": "1"})
    place = repo.top
    if shape == "linked":
        place = tmp_path / "linked"
        repo.git("worktree", "add", "--quiet", str(place), "-b", "linked")
    elif shape == "bare":
        place = tmp_path / "bare"
        repo.git("clone", "--quiet", "--bare", str(repo.top), str(place))
        repo.git("remote", "add", "bare", str(place))
    source = source_of(str(place), ref="HEAD")
    with listening(source) as noticed:
        for n in range(100):  # the watch may not be in place yet for the first ones
            if shape == "nested-branch":
                repo.git("branch", f"team/{n}/topic")
            else:
                repo.commit({"policies/a.yaml": str(n)})
            if shape == "bare":
                repo.git("push", "--quiet", "bare", "main")
            if noticed.wait(0.1):
                break

        assert noticed.is_set()


def test_a_remote_source_never_yields_and_ends_when_told(source_of):
    with listening(source_of("https://git.example.com/a")) as noticed:
        assert not noticed.is_set()


def test_a_repository_that_is_gone_is_waited_for(repo, source_of):
    repo.commit({"policies/a.yaml": "1"})
    source = source_of(str(repo.top))
    repo.top.rename(repo.top.with_name("moved"))

    with listening(source):
        pass
