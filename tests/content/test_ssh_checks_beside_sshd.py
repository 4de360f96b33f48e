"""The SSH checks on configurations made at random, beside what ``sshd -T`` says it would do."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.agent.query import run_query
from controller.agent.runner import evaluate
from controller.agent.tables.system import find_tool
from tests.agent.machines import machine
from tests.content.asked import asked
from tests.require import require

CHOICES = {
    "PermitRootLogin": ["yes", "no", "prohibit-password", "without-password"],
    "PasswordAuthentication": ["yes", "no"],
    "PermitEmptyPasswords": ["yes", "no"],
    "MaxAuthTries": ["1", "4", "5", "6"],
    "LoginGraceTime": ["0", "30", "60", "61", "1m", "2m", "1h"],
    "ClientAliveInterval": ["0", "1", "15", "5m"],
    "DisableForwarding": ["yes", "no"],
    "HostbasedAuthentication": ["yes", "no"],
    "PermitUserEnvironment": ["yes", "no"],
    "UsePAM": ["yes", "no"],
    "LogLevel": ["QUIET", "INFO", "VERBOSE", "DEBUG"],
}
IN_MATCH = ["PermitRootLogin", "PasswordAuthentication", "MaxAuthTries", "LogLevel"]
FOLDER = "/etc/ssh"


@dataclass(frozen=True)
class Files:
    main: str
    extra: str


def line(name: str) -> st.SearchStrategy[str]:
    layout = st.sampled_from(["{} {}", "{}={}", "  {}\t{}  ", '{} "{}"', "{} {} # why"])
    spelled = st.sampled_from([name, name.lower(), name.upper()])
    return st.builds(str.format, layout, spelled, st.sampled_from(CHOICES[name]))


LINES = st.sampled_from(sorted(CHOICES)).flatmap(line) | st.sampled_from(
    ["", "# PermitRootLogin no", "#PasswordAuthentication no", "X11Forwarding no"]
)
MATCHED = st.builds(
    lambda lines: "\n".join(["Match User nobody-has-this-name", *lines]),
    st.lists(st.sampled_from(IN_MATCH).flatmap(line), max_size=3),
)


@st.composite
def configurations(draw: st.DrawFn) -> Files:
    main = draw(st.lists(LINES, max_size=8))
    if draw(st.booleans()):
        main.insert(0, f"Include {FOLDER}/sshd_config.d/*.conf")
    extra = draw(st.lists(LINES, max_size=4))
    for lines in (main, extra):
        if draw(st.booleans()):
            lines.append(draw(MATCHED))
    return Files("\n".join(main) + "\n", "\n".join(extra) + "\n")


@pytest.fixture(scope="module")
def host_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("sshd", find_tool("sshd") is not None)
    path = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    separation = Path("/run/sshd")
    if not separation.is_dir():
        try:
            separation.mkdir(mode=0o755)  # what its unit does before it starts
        except PermissionError:
            require("/run/sshd", False)
    return path


@given(files=configurations())
@settings(max_examples=80, deadline=None)
def test_a_check_of_ssh_says_what_the_server_would_do(files: Files, host_key: Path) -> None:
    with folder() as root:
        write(root, files)

        assert told_by_our_checks(root) == told_by_sshd(root, host_key)


def folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="sshd-")


def write(root: str, files: Files) -> None:
    machine(
        Path(root),
        {
            "/usr/sbin/sshd": "",
            f"{FOLDER}/sshd_config": files.main,
            f"{FOLDER}/sshd_config.d/10-ours.conf": files.extra,
        },
    )


def told_by_our_checks(root: str) -> dict[str, bool]:
    system = machine(Path(root), {})
    results = evaluate(asked(EXPECTED), lambda sql: run_query(sql, system)) or ()
    return {result.check_id: result.status == "passed" for result in results}


EXPECTED = (
    "linux-ssh-root-login",
    "linux-ssh-password-login",
    "linux-ssh-empty-passwords",
    "linux-ssh-max-auth-tries",
    "linux-ssh-login-grace-time",
    "linux-ssh-idle-timeout",
    "linux-ssh-forwarding",
    "linux-ssh-host-based",
    "linux-ssh-user-environment",
    "linux-ssh-pam",
    "linux-audit-ssh-log-level",
)


def told_by_sshd(root: str, host_key: Path) -> dict[str, bool]:
    """What the server itself says of the same files, put where it can find them."""
    main = Path(root, "sshd_config")
    text = Path(f"{root}{FOLDER}/sshd_config").read_text()
    main.write_text(text.replace(f"Include {FOLDER}", f"Include {root}{FOLDER}"))
    program = find_tool("sshd") or "sshd"
    done = subprocess.run(
        [program, "-T", "-f", main, "-h", host_key], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = dict(_pairs(done.stdout))
    return dict(
        zip(
            EXPECTED,
            (
                said["permitrootlogin"] == "no",
                said["passwordauthentication"] == "no",
                said["permitemptypasswords"] == "no",
                int(said["maxauthtries"]) <= 4,
                1 <= int(said["logingracetime"]) <= 60,
                int(said["clientaliveinterval"]) >= 1,
                said["disableforwarding"] == "yes",
                said["hostbasedauthentication"] == "no",
                said["permituserenvironment"] == "no",
                said["usepam"] == "yes",
                said["loglevel"] in {"INFO", "VERBOSE"},
            ),
            strict=True,
        )
    )


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for each in text.splitlines():
        name, _, value = each.partition(" ")
        yield name, value
