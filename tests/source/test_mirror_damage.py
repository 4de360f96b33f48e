from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest

from controller.errors import FetchFailedError
from controller.source.mirror_folder import CONFIG, MirrorFolder
from tests.source.conftest import pull

LOCKS = [
    "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock", "gc.pid",
    "refs/gitward/main.lock", "objects/info/commit-graph.lock",
    "objects/info/commit-graphs/commit-graph-chain.lock",
]  # fmt: skip


def _mirror(tmp_path):
    return tmp_path / "data/mirrors/main/mirror.git"


@pytest.mark.parametrize("restarted", [True, False])
def test_stale_locks_do_not_stop_the_next_fetch(repo, source_of, tmp_path, restarted):
    repo.commit({"policies/a.yaml": "1"})
    source = source_of(str(repo.top))
    pull(source)
    if restarted:
        source.close()
        source = source_of(str(repo.top))
    for name in LOCKS:
        place = _mirror(tmp_path) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("")
    new = repo.commit({"policies/b.yaml": "1"})

    assert pull(source) == new
    assert len(source.snapshot(new).files) == 2
    assert not [name for name in LOCKS if (_mirror(tmp_path) / name).exists()]


def _truncate_pack(mirror):
    pack = next(mirror.glob("objects/pack/*.pack"))
    pack.chmod(0o600)
    os.truncate(pack, pack.stat().st_size // 2)


def _remove_index(mirror):
    for index in mirror.glob("objects/pack/*.idx"):
        index.unlink()


def _overwrite_middle(mirror):
    pack = next(mirror.glob("objects/pack/*.pack"))
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    content[12:-20] = bytes(len(content) - 32)
    pack.write_bytes(content)


def _remove_head(mirror):
    (mirror / "HEAD").unlink()


def _spoil_ref(mirror):
    (mirror / "refs/gitward/main").write_text("0" * 40 + "\n")


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize(
    "damage", [_truncate_pack, _remove_index, _overwrite_middle, _remove_head, _spoil_ref]
)
def test_a_damaged_mirror_heals_itself(repo, source_of, tmp_path, damage, restarted):
    files: dict[str, str | bytes | None] = {f"policies/{n}.yaml": f"{n}" * 99 for n in range(150)}
    old = repo.commit(files)
    source = source_of(str(repo.top))
    pull(source)
    source.snapshot(old)
    if restarted:
        source.close()
        source = source_of(str(repo.top))
    damage(_mirror(tmp_path))
    new = repo.commit({"policies/new.yaml": "1"})

    snapshot = source.snapshot(pull(source))

    assert snapshot.sha == new
    assert len(source.read(snapshot.files)) == 151
    assert source.is_ancestor(old, new)
    assert sorted(p.name for p in _mirror(tmp_path).parent.iterdir()) == [
        "home",
        "lock",
        "mirror.git",
    ]


def test_a_damaged_mirror_is_reported_while_the_remote_is_away(repo, source_of, tmp_path):
    sha = repo.commit({f"policies/{n}.yaml": f"{n}" * 99 for n in range(150)})
    source = source_of(str(repo.top))
    pull(source)
    _truncate_pack(_mirror(tmp_path))
    away = repo.top.rename(tmp_path / "away")

    with pytest.raises(Exception, match="cannot fetch"):
        source.snapshot(sha)
    away.rename(repo.top)
    assert len(source.snapshot(sha).files) == 150


def test_a_configuration_that_was_tampered_with_is_restored(repo, source_of, tmp_path):
    repo.commit({"policies/a.yaml": "1"})
    source = source_of(str(repo.top))
    pull(source)
    config = _mirror(tmp_path) / "config"
    config.write_text(f"[core]\n\thooksPath = {tmp_path}\n\tbare = true\n")
    repo.commit({"policies/a.yaml": "2"})
    pull(source)

    assert config.read_bytes() == CONFIG


def test_what_a_crash_left_beside_is_removed(repo, source_of, tmp_path):
    repo.commit({"policies/a.yaml": "1"})
    root = _mirror(tmp_path).parent
    for name in ("building-x", "old-y"):
        (root / name / "objects").mkdir(parents=True)
    pull(source_of(str(repo.top)))

    assert sorted(p.name for p in root.iterdir()) == ["home", "lock", "mirror.git"]


def test_the_lock_outlives_a_killed_controller_until_its_last_child_is_gone(tmp_path):
    folder = MirrorFolder(tmp_path, "main")
    lock = folder.open("")
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,)
    ) as child:
        folder.close()

        with pytest.raises(FetchFailedError, match="in use"):
            MirrorFolder(tmp_path, "main").open("")
        child.communicate(b"\n")
    again = MirrorFolder(tmp_path, "main")
    fcntl.flock(again.open(""), fcntl.LOCK_EX | fcntl.LOCK_NB)
    again.close()
