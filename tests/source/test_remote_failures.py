from __future__ import annotations

import socket
import threading
import time

import psutil
import pytest

from controller.errors import (
    AccessDeniedError,
    AuthenticationFailedError,
    FetchFailedError,
    RevisionNotFoundError,
)
from controller.source.limits import Limits
from tests.source.conftest import pull
from tests.source.servers import black_hole, git_http, proxy


def test_a_repository_over_http_is_read(tmp_path, repo, source_of):
    sha = repo.commit({"policies/a.yaml": "1"})
    with git_http(tmp_path) as server:
        source = source_of(server.url())

        assert source.snapshot(pull(source)).sha == sha
        with pytest.raises(RevisionNotFoundError):
            source_of(server.url(), name="other", ref="nowhere").head()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationFailedError),
        (403, AccessDeniedError),
        (404, AccessDeniedError),
        (500, FetchFailedError),
        (503, FetchFailedError),
    ],
)
def test_what_the_server_answers_decides_what_to_do(tmp_path, repo, source_of, status, error):
    repo.commit({"policies/a.yaml": "1"})
    with git_http(tmp_path) as server:
        server.status = status
        source = source_of(server.url())

        with pytest.raises(error, match=f"cannot ask {server.url()}"):
            source.head()


def test_a_remote_that_refuses_connections_is_tried_again_later(source_of):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(FetchFailedError, match="tried again"):
        source_of(f"http://127.0.0.1:{port}/repo").head()


def test_a_remote_that_hangs_is_given_up_and_leaves_no_process(source_of, started):
    with black_hole() as port:
        source = source_of(f"http://127.0.0.1:{port}/repo", limits=Limits(ask_seconds=0.5))

        with pytest.raises(FetchFailedError, match=r"did not end within 0\.5 s"):
            source.head()

        assert started() == []


def test_closing_ends_a_transfer_that_is_under_way(source_of, started):
    failed: list[BaseException] = []
    with black_hole() as port:
        source = source_of(f"http://127.0.0.1:{port}/repo")

        def ask() -> None:
            try:
                source.head()
            except FetchFailedError as error:
                failed.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        while not any(
            c.name() == "git-remote-http" for c in psutil.Process().children(recursive=True)
        ):
            time.sleep(0.01)
        source.close()
        asking.join()

    assert "closed" in str(failed[0])
    assert started() == []


def test_what_is_here_can_be_read_while_the_remote_hangs(tmp_path, repo, source_of):
    sha = repo.commit({"policies/a.yaml": "1"})
    with black_hole() as hanging, git_http(tmp_path) as server, proxy(server.port) as way:
        source = source_of(way.url())
        pull(source)
        way.target = hanging

        def ask() -> None:
            with pytest.raises(FetchFailedError):
                source.head()

        asking = threading.Thread(target=ask)
        asking.start()
        while not any(
            c.name() == "git-remote-http" for c in psutil.Process().children(recursive=True)
        ):
            time.sleep(0.01)

        assert len(source.snapshot(sha).files) == 1

        assert asking.is_alive()
        source.close()
        asking.join()


def test_a_transfer_cut_anywhere_leaves_the_old_revision_and_no_debris(tmp_path, repo, source_of):
    good = repo.commit({"policies/a.yaml": "1"})
    with git_http(tmp_path) as server, proxy(server.port) as way:
        source = source_of(way.url())
        pull(source)
        repo.commit({f"policies/{n}.yaml": f"{n}" * 50 for n in range(300)})
        way.passed = 0
        whole = source_of(way.url(), name="whole")
        pull(whole)
        total = way.passed
        for share in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
            way.passed, way.cut_after = 0, int(total * share)
            with pytest.raises(FetchFailedError):
                pull(source)

            assert len(source.snapshot(good).files) == 1
            assert not _debris(tmp_path)
        way.cut_after = None

        assert len(source.snapshot(pull(source)).files) == 301


def _debris(tmp_path) -> list[str]:
    mirror = tmp_path / "data/mirrors/main/mirror.git"
    found = [
        p for p in mirror.rglob("*") if p.name.startswith(("tmp_", ".tmp-")) or p.suffix == ".lock"
    ]
    return [str(p) for p in found]
