"""More tables beside the system's own tools: accounts, configuration, sockets, processes, kernel."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.agent.query import run_query
from tests.agent.machines import machine
from tests.agent.test_tables_of_this_machine import tool, values
from tests.require import require

# Which of them a machine has depends on its packages; the fixtures of test_augeas.py show the rest.
AUGEAS_READS = (
    "/etc/ssh/sshd_config",
    "/etc/login.defs",
    "/etc/default/useradd",
    "/etc/audit/auditd.conf",
    "/etc/pam.d/su",
    "/etc/pam.d/sshd",
    "/etc/pam.d/common-password",
    "/etc/pam.d/common-auth",
    "/etc/apt/apt.conf.d/20auto-upgrades",
    "/etc/sysctl.conf",
)


@pytest.mark.parametrize("path", [path for path in AUGEAS_READS if Path(path).is_file()])
def test_the_nodes_of_a_file_are_those_that_augeas_itself_shows(path, tmp_path):
    machine(tmp_path, {path: Path(path).read_text()})
    printed = tool("augtool", "--root", str(tmp_path), "print", f"/files{path}")

    expected = {}
    for line in printed:
        node, equals, value = line.partition(" = ")
        if "#comment" not in node:
            # augtool puts a value into the kind of quote that it does not hold.
            expected[node] = value[1:-1].replace('\\"', '"') if equals else ""

    assert expected
    ours = values(f"SELECT node, value FROM augeas WHERE path = '{path}'")
    assert {row[0]: row[1] for row in ours} == expected


def test_kernel_modules_are_those_that_lsmod_lists():
    require("lsmod", Path("/usr/sbin/lsmod").exists() or Path("/usr/bin/lsmod").exists())
    if not Path("/proc/modules").exists():
        assert values("SELECT name FROM kernel_modules") == []
        return

    listed = [line.split()[0] for line in tool("lsmod")[1:]]

    assert [name for (name,) in values("SELECT name FROM kernel_modules")] == listed


def test_the_release_is_the_one_that_a_shell_reads():
    script = '. /etc/os-release; echo "$NAME|$ID|$VERSION_ID|$VERSION_CODENAME"'
    (said,) = tool("sh", "-c", script)
    name, platform, version, codename = said.split("|")

    ((our_name, our_platform, major, our_codename),) = values(
        "SELECT name, platform, major, codename FROM os_version"
    )

    assert (our_name, our_platform, our_codename) == (name, platform, codename)
    assert major == version.split(".")[0]


def test_hosts_are_those_that_getent_tells():
    listed = sorted(tuple(line.split()) for line in tool("getent", "--service=files", "hosts"))

    ours = sorted((address, *names.split()) for address, names in values("SELECT * FROM etc_hosts"))

    # getent writes every loopback address as 127.0.0.1.
    assert {words[1:] for words in listed} == {words[1:] for words in ours}


def test_the_state_of_each_password_is_the_one_that_passwd_tells():
    require("root", os.geteuid() == 0)
    meaning = {"L": {"locked", "not_set"}, "P": {"active"}, "NP": {"empty"}}
    rows = values("SELECT username, password_status FROM shadow")
    states = {row[0]: row[1] for row in rows}

    for line in tool("passwd", "--status", "--all"):
        name, letter = line.split()[:2]
        assert states[name] in meaning[letter], name


def test_the_days_of_each_password_are_those_that_passwd_tells():
    require("root", os.geteuid() == 0)
    listed = [line.split() for line in tool("passwd", "--status", "--all")]

    ours = values("SELECT username, min, max, warning, inactive FROM shadow")

    assert ours == [(words[0], *words[3:7]) for words in listed]


def test_rules_of_sudo_are_those_that_its_own_converter_reads():
    require("root", os.geteuid() == 0)
    told = json.loads("\n".join(tool("cvtsudoers", "-f", "json", "/etc/sudoers")))
    people = [
        user.get("username") or "%" + user["usergroup"]
        for spec in told["User_Specs"]
        for user in spec["User_List"]
    ]
    options = [name for each in told["Defaults"] for option in each["Options"] for name in option]

    rows = values("SELECT header, rule_details FROM sudoers")

    assert sorted(
        header for header, _ in rows if header not in {"Defaults", "includedir"}
    ) == sorted(people)
    ours = [
        details.partition("=")[0].strip("! ") for header, details in rows if header == "Defaults"
    ]
    assert sorted(ours) == sorted(options)


def test_keys_are_those_that_ssh_keygen_reads(tmp_path):
    home = tmp_path / "home/ann/.ssh"
    system = machine(tmp_path, {"/etc/passwd": "ann:x:1000:1000::/home/ann:/bin/sh\n"})
    home.mkdir(parents=True)
    for kind in ("ed25519", "ecdsa", "rsa"):
        tool("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"for {kind}", "-f", f"{home}/{kind}")
    public = [path.read_text().split(maxsplit=2) for path in sorted(home.glob("*.pub"))]
    options = 'command="echo a b",no-pty '
    lines = [" ".join(words) for words in public]
    (home / "authorized_keys").write_text("# keys\n" + options + "".join(lines))

    rows = run_query("SELECT algorithm, key, comment FROM authorized_keys WHERE uid = 1000", system)

    assert [tuple(row.values()) for row in rows] == [
        (algorithm, key, comment.strip()) for algorithm, key, comment in public
    ]
    assert len(tool("ssh-keygen", "-l", "-f", str(home / "authorized_keys"))) == len(rows) == 3


def test_package_sources_are_those_that_apt_itself_lists():
    listed = tool("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)")

    ours = {
        (base.rstrip("/"), release, component)
        for base, release, components in values(
            "SELECT base_uri, release, components FROM apt_sources"
        )
        for component in components.split()
    }

    assert ours == {
        (words[0].rstrip("/"), words[1], words[2]) for words in map(str.split, listed) if words
    }


def test_what_a_mount_forbids_is_what_findmnt_lists():
    told = json.loads("\n".join(tool("findmnt", "--json", "--list", "--output", "TARGET,OPTIONS")))
    listed = [(each["target"], each["options"]) for each in told["filesystems"]]

    assert forbidden(values("SELECT path, flags FROM mounts")) == forbidden(listed)


def forbidden(mounts: Sequence[tuple[str, ...]]) -> set[tuple[str, frozenset[str]]]:
    wanted = {"noexec", "nosuid", "nodev", "ro"}
    return {(path, frozenset(options.split(",")) & wanted) for path, options in mounts}


def test_what_listens_is_what_ss_lists():
    def listed() -> set[str]:
        lines = tool("ss", "--tcp", "--udp", "--listening", "--numeric", "--no-header")
        return {line.split()[4].rpartition(":")[2] for line in lines}

    before = listed()
    ours = {
        port for (port,) in values("SELECT port FROM listening_ports WHERE protocol IN (6, 17)")
    }

    # Others come and go meanwhile: what ss saw both times must be there, and nothing else for long.
    assert before & listed() <= ours


def test_what_runs_is_what_ps_lists():
    def listed() -> set[str]:
        return {line.strip() for line in tool("ps", "-e", "-o", "pid=")}

    before = listed()
    ours = {pid for (pid,) in values("SELECT pid FROM processes")}

    assert before & listed() <= ours


def test_the_clock_is_the_one_that_date_tells():
    (seconds,) = tool("date", "+%s")
    (day,) = tool("date", "--utc", "+%A %d")

    ((unix, weekday, number),) = values("SELECT unix_time, weekday, day FROM time")

    assert abs(int(unix) - int(seconds)) < 60
    if day == tool("date", "--utc", "+%A %d")[0]:
        assert f"{weekday} {int(number):02d}" == day


def test_the_uptime_is_the_one_of_the_kernel():
    kernel = float(Path("/proc/uptime").read_text().split()[0])

    ((days, total),) = values("SELECT days, total_seconds FROM uptime")

    assert abs(int(total) - kernel) < 60
    assert int(days) == int(total) // 86_400


def test_processors_and_memory_are_those_that_the_tools_tell():
    (cores,) = tool("nproc", "--all")
    memory = int(tool("free", "--bytes")[1].split()[1])

    ((ours, ram),) = values("SELECT cpu_logical_cores, physical_memory FROM system_info")

    assert ours == cores
    assert int(ram) == memory


def test_a_disk_is_encrypted_exactly_where_lsblk_shows_a_mapping():
    listed = json.loads(
        "\n".join(tool("lsblk", "--json", "--list", "--paths", "--output", "NAME,TYPE"))
    )
    mapped = {each["name"] for each in listed["blockdevices"] if each["type"] == "crypt"}

    ours = {name for (name,) in values("SELECT name FROM disk_encryption WHERE type LIKE 'LUKS%'")}

    assert mapped <= ours


def test_confinement_is_what_the_kernel_shows():
    profiles = Path("/sys/kernel/security/apparmor/profiles")
    expected = len(profiles.read_text().splitlines()) if profiles.exists() else 0
    enforcing = Path("/sys/fs/selinux/enforce")

    assert values("SELECT count(*) FROM apparmor_profiles") == [(str(expected),)]
    assert values("SELECT value FROM selinux_settings WHERE key = 'enforce'") == (
        [(enforcing.read_text().strip(),)] if enforcing.exists() else []
    )


def test_what_this_machine_has_no_part_of_is_an_empty_table():
    if not Path("/sys/firmware/efi").exists():
        assert values("SELECT secure_boot FROM secureboot") == []
    if not any(Path(each).exists() for each in ("/var/lib/rpm", "/usr/lib/sysimage/rpm")):
        assert values("SELECT name FROM rpm_packages") == []


def test_lines_of_the_systems_crontab_are_those_that_grep_counts():
    require("/etc/crontab", Path("/etc/crontab").is_file())
    # Times and words like @daily begin a job; settings of the environment begin with a letter.
    (counted,) = tool("grep", "--count", "--extended-regexp", r"^\s*[0-9*@]", "/etc/crontab")

    rows = values("SELECT minute, command FROM crontab WHERE path = '/etc/crontab'")

    assert str(len(rows)) == counted
