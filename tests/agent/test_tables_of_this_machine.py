"""Each table beside the system's own tool, on the machine that runs the tests."""

import grp
import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from controller.agent.query import run_query
from controller.agent.tables.system import find_tool
from tests.require import require

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def tool(*command: str) -> list[str]:
    require(command[0], find_tool(command[0]) is not None)
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=True)
    return done.stdout.splitlines()


def values(sql: str) -> list[tuple[str, ...]]:
    return [tuple(row.values()) for row in run_query(sql)]


def test_users_and_groups_are_those_of_the_c_library():
    users = values("SELECT username, uid, gid, directory, shell FROM users")
    groups = values("SELECT groupname, gid FROM groups")

    local = {line.partition(":")[0] for line in Path("/etc/passwd").read_text().splitlines()}
    assert set(users) == {
        (user.pw_name, str(user.pw_uid), str(user.pw_gid), user.pw_dir, user.pw_shell)
        for user in pwd.getpwall()
        if user.pw_name in local
    }
    assert set(groups) <= {(group.gr_name, str(group.gr_gid)) for group in grp.getgrall()}


def test_user_groups_are_those_that_id_tells():
    for user in ("root", "daemon", "nobody"):
        uid, *_ = tool("id", "-u", user)
        expected = set(tool("id", "-G", user)[0].split())

        assert {gid for (gid,) in values(f"SELECT gid FROM user_groups WHERE uid = {uid}")} == (
            expected
        )


def test_shadow_tells_as_many_accounts_as_getent():
    require("a readable /etc/shadow", os.access("/etc/shadow", os.R_OK))

    lines = [line.split(":") for line in tool("getent", "shadow")]

    assert values("SELECT username, max FROM shadow") == [
        (line[0], line[4] or "-1") for line in lines
    ]


def test_mounts_are_those_that_findmnt_lists():
    listed = tool("findmnt", "--noheadings", "--raw", "--output", "TARGET,FSTYPE")

    assert {" ".join(row) for row in values("SELECT path, type FROM mounts")} == set(listed)


def test_block_devices_are_those_that_lsblk_lists():
    listed = tool("lsblk", "--json", "--list", "--bytes", "--paths", "--output", "NAME,SIZE,PKNAME")
    expected = json.loads("\n".join(listed))["blockdevices"]
    ours = {
        name: (int(size) * 512, parent)
        for name, size, parent in values("SELECT name, size, parent FROM block_devices")
    }

    assert expected
    for device in expected:
        assert ours[device["name"]] == (device["size"], device["pkname"] or "")


def test_every_block_device_has_an_encryption_row():
    devices = values("SELECT name FROM block_devices ORDER BY name")

    assert values("SELECT name FROM disk_encryption ORDER BY name") == devices


@pytest.mark.parametrize(
    "name",
    ["kernel.randomize_va_space", "net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter"],
)
def test_controls_have_the_values_that_sysctl_prints(name):
    (value,) = tool("sysctl", "-n", name)

    assert values(f"SELECT current_value FROM system_controls WHERE name = '{name}'") == [(value,)]


def test_a_pattern_of_controls_finds_them_for_every_interface():
    listed = tool("sysctl", "-a", "--pattern", r"^net\.ipv4\.conf\..*\.accept_redirects$")

    found = values(
        "SELECT name || ' = ' || current_value FROM system_controls "
        "WHERE name LIKE 'net.ipv4.conf.%.accept_redirects'"
    )

    assert sorted(text for (text,) in found) == sorted(listed)


def test_kernel_modules_are_those_of_proc():
    path = Path("/proc/modules")
    names = [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []

    assert values("SELECT name FROM kernel_modules") == [(name,) for name in names]


def test_the_kernel_and_the_system_are_named_as_uname_names_them():
    uname = os.uname()

    assert values("SELECT version FROM kernel_info") == [(uname.release,)]
    assert values("SELECT hostname, cpu_type FROM system_info") == [(uname.nodename, uname.machine)]
    assert values("SELECT arch FROM os_version") == [(uname.machine,)]
    assert values("SELECT count(*) FROM uptime WHERE total_seconds > 0") == [("1",)]
    assert values("SELECT count(*) FROM time WHERE unix_time > 1700000000") == [("1",)]


def test_files_have_the_status_that_stat_prints(tmp_path):
    path = tmp_path / "secret"
    path.write_text("abc")
    path.chmod(0o4640)
    (line,) = tool("stat", "--format=%i %u %g %s %h %Y %F", str(path))

    (row,) = values(
        "SELECT inode, uid, gid, size, hard_links, mtime, type || ' file', mode "
        f"FROM file WHERE path = '{path}'"
    )

    assert " ".join(row) == f"{line} 4640"


def test_hashes_are_those_that_the_tools_print(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(os.urandom(3 * 1024 * 1024))
    expected = tuple(
        tool(name, str(path))[0].split()[0] for name in ("md5sum", "sha1sum", "sha256sum")
    )

    assert values(f"SELECT md5, sha1, sha256 FROM hash WHERE path = '{path}'") == [expected]
    assert expected[2] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_packages_are_those_that_dpkg_lists():
    layout = "${Package} ${Version} ${Architecture} ${Status}\n"
    listed = tool("dpkg-query", "--show", f"--showformat={layout}")

    rows = []
    for letter in "abcdefghijklmnopqrstuvwxyz":
        rows += values(
            f"SELECT name, version, arch, status FROM deb_packages WHERE name LIKE '{letter}%'"
        )

    assert sorted(" ".join(row) for row in rows) == sorted(
        line for line in listed if not line.endswith("not-installed")
    )


def test_this_process_is_among_the_processes():
    pid = os.getpid()
    (line,) = tool("ps", "-o", "ppid=,euid=,pgid=,nlwp=", "-p", str(pid))

    (row,) = values(f"SELECT parent, euid, pgroup, threads, path FROM processes WHERE pid = {pid}")

    assert list(row[:3]) == line.split()[:3]
    assert row[4] == str(Path(f"/proc/{pid}/exe").readlink())


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_port_that_listens_is_told_with_its_process(family, host):
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        listener.listen()
        port = listener.getsockname()[1]

        rows = values(
            f"SELECT pid, address, protocol, family, fd FROM listening_ports WHERE port = {port}"
        )
        listed = tool("ss", "--tcp", "--listening", "--numeric", "--no-header")

    assert rows == [(str(os.getpid()), host, "6", str(int(family)), str(listener_fd(rows)))]
    assert any(f":{port}" in line.split()[3] for line in listed)


def listener_fd(rows: list[tuple[str, ...]]) -> str:
    (row,) = rows
    return row[4]


def test_a_unix_socket_that_listens_is_told_by_its_path(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        rows = values(f"SELECT family, port FROM listening_ports WHERE path = '{path}'")

    assert rows == [(str(int(socket.AF_UNIX)), "0")]


def test_a_connection_is_no_listening_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            rows = values(
                f"SELECT state, local_address FROM process_open_sockets "
                f"WHERE remote_port = {port} AND pid = {os.getpid()}"
            )
            waiting = values(f"SELECT count(*) FROM listening_ports WHERE port = {port}")

    assert rows == [("ESTABLISHED", "127.0.0.1")]
    assert waiting == [("1",)]


def test_addresses_are_those_that_ip_lists():
    listed = json.loads("\n".join(tool("ip", "-json", "-4", "address")))
    expected = {
        (link["ifname"], address["local"]) for link in listed for address in link["addr_info"]
    }

    found = values("SELECT interface, address FROM interface_addresses WHERE address LIKE '%.%'")

    assert set(found) == expected


def test_unit_files_have_the_states_that_systemctl_tells():
    listed = tool("systemctl", "--root=/", "list-unit-files", "--full", "--plain", "--no-legend")
    expected = {line.split()[0]: line.split()[1] for line in listed}

    found = {row["id"]: row["unit_file_state"] for row in run_query("SELECT * FROM systemd_units")}

    assert expected
    assert {name: found.get(name) for name in expected} == expected


def test_hosts_are_those_of_the_file():
    found = values("SELECT hostnames FROM etc_hosts WHERE address = '127.0.0.1'")

    assert any("localhost" in names.split() for (names,) in found)


def test_every_table_can_be_read_here_or_says_why_not():
    require("a package list", shutil.which("dpkg-query") is not None)

    assert values("SELECT count(*) > 0 FROM deb_packages") == [("1",)]
    assert values("SELECT count(*) > 0 FROM apt_sources") == [("1",)]


def test_a_socket_of_a_process_is_not_among_those_without_one():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        without = values(f"SELECT 1 FROM listening_ports WHERE pid = -1 AND port = {port}")
        own = values(f"SELECT 1 FROM listening_ports WHERE pid = {os.getpid()} AND port = {port}")

    assert (without, own) == ([], [("1",)])
