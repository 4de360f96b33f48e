"""Tables over machines made of files, for what the machine that runs the tests lacks."""

import pytest

from controller.agent.tables.system import System
from controller.errors import QueryFailedError, TableUnreadableError
from tests.agent.machines import ask, column, failing_tool, machine

PASSWD = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000:Ann,,,:/home/ann:/bin/sh\nbroken\n"


def test_accounts_and_their_groups(tmp_path):
    system = machine(
        tmp_path,
        {
            "/etc/passwd": PASSWD + "nobody:x:4294967294:4294967294::/:/bin/false\n",
            "/etc/group": "root:x:0:\nsudo:x:27:ann,root\nann:x:1000:ann\n",
        },
    )

    assert column(system, "SELECT username FROM users") == ["root", "ann", "nobody"]
    assert ask(system, "SELECT description, uid_signed FROM users WHERE username = 'nobody'") == (
        {"description": "", "uid_signed": "-2"},
    )
    assert column(system, "SELECT gid FROM user_groups WHERE uid = 1000") == ["1000", "27"]
    assert column(
        system,
        "SELECT username FROM users JOIN user_groups USING (uid) "
        "JOIN groups ON groups.gid = user_groups.gid WHERE groupname = 'sudo' ORDER BY 1",
    ) == ["ann", "root"]


@pytest.mark.parametrize(
    ("password", "status", "algorithm"),
    [
        ("$y$j9T$abc$def", "active", "y"),
        ("$6$salt$hash", "active", "6"),
        ("!$6$salt$hash", "locked", ""),
        ("*", "locked", ""),
        ("!", "locked", ""),
        ("!!", "not_set", ""),
        ("", "empty", ""),
    ],
)
def test_a_password_field_is_told_as_osquery_tells_it(tmp_path, password, status, algorithm):
    system = machine(tmp_path, {"/etc/shadow": f"ann:{password}:19000:1:90:7:30::\n"})

    assert ask(system, "SELECT * FROM shadow") == (
        {
            "password_status": status,
            "hash_alg": algorithm,
            "last_change": "19000",
            "min": "1",
            "max": "90",
            "warning": "7",
            "inactive": "30",
            "expire": "-1",
            "flag": "-1",
            "username": "ann",
        },
    )


def test_sudoers_follow_includes_and_skip_what_sudo_skips(tmp_path):
    system = machine(
        tmp_path,
        {
            "/etc/sudoers": (
                "# a comment\nDefaults\tuse_pty\n%sudo ALL=(ALL:ALL) \\\n  NOPASSWD: ALL\n"
                "#includedir /etc/sudoers.d\n@include local\n"
            ),
            "/etc/sudoers.d/10-ann": "#1000 ALL=(ALL) ALL\n",
            "/etc/sudoers.d/old.bak": "eve ALL=(ALL) ALL\n",
            "/etc/sudoers.d/draft~": "eve ALL=(ALL) ALL\n",
            "/etc/local": "@include local\nbob ALL=(ALL) ALL\n",
        },
    )

    rows = ask(system, "SELECT DISTINCT * FROM sudoers")

    assert rows[1] == {
        "source": "/etc/sudoers",
        "header": "%sudo",
        "rule_details": "ALL=(ALL:ALL) NOPASSWD: ALL",
    }
    assert [row["header"] for row in rows] == [
        "Defaults",
        "%sudo",
        "includedir",
        "#1000",
        "include",
        "include",
        "bob",
    ]


def test_authorized_keys_are_told_for_each_account(tmp_path):
    system = machine(
        tmp_path,
        {
            "/etc/passwd": PASSWD,
            "/root/.ssh/authorized_keys": "# none\nssh-ed25519 AAAAC3 root@old host\n",
            "/home/ann/.ssh/authorized_keys": (
                'command="ssh-rsa x",no-pty ecdsa-sha2-nistp256 AAAAE2\nrubbish\n'
            ),
        },
    )

    assert ask(system, "SELECT uid, algorithm, key, options, comment FROM authorized_keys") == (
        {
            "uid": "0",
            "algorithm": "ssh-ed25519",
            "key": "AAAAC3",
            "options": "",
            "comment": "root@old host",
        },
        {
            "uid": "1000",
            "algorithm": "ecdsa-sha2-nistp256",
            "key": "AAAAE2",
            "options": 'command="ssh-rsa x",no-pty',
            "comment": "",
        },
    )
    assert len(ask(system, "SELECT * FROM authorized_keys WHERE uid = 0")) == 1


def test_luks_and_what_lies_on_it_are_encrypted_and_the_rest_is_not(tmp_path):
    block = "/sys/class/block"
    disk = "/sys/devices/pci/block/sda"
    system = machine(
        tmp_path,
        {
            f"{disk}/dev": "8:0\n",
            f"{disk}/size": "2048\n",
            f"{disk}/sda1/dev": "8:1\n",
            f"{disk}/sda1/partition": "1\n",
            f"{disk}/sda2/dev": "8:2\n",
            f"{disk}/sda2/partition": "2\n",
            f"{block}/sda": "-> ../../devices/pci/block/sda",
            f"{block}/sda1": "-> ../../devices/pci/block/sda/sda1",
            f"{block}/sda2": "-> ../../devices/pci/block/sda/sda2",
            f"{block}/dm-0/dm/uuid": "CRYPT-LUKS2-0123-root_crypt\n",
            f"{block}/dm-0/slaves/sda2": "",
            f"{block}/dm-1/dm/uuid": "LVM-abc\n",
            f"{block}/dm-1/slaves/dm-0": "",
            f"{block}/dm-2/dm/uuid": "LVM-def\n",
            f"{block}/dm-2/slaves/dm-0": "",
            f"{block}/dm-2/slaves/sda1": "",
            "/run/udev/data/b8:2": "E:ID_FS_TYPE=crypto_LUKS\nE:ID_FS_UUID=0123\n",
        },
    )

    rows = ask(system, "SELECT name, encrypted, type, encryption_status FROM disk_encryption")

    assert {row["name"]: (row["encrypted"], row["type"]) for row in rows} == {
        "/dev/sda": ("0", ""),
        "/dev/sda1": ("0", ""),
        "/dev/sda2": ("0", ""),
        "/dev/dm-0": ("1", "LUKS2"),
        "/dev/dm-1": ("1", "LUKS2"),
        "/dev/dm-2": ("0", ""),
    }
    assert ask(system, "SELECT parent, type, uuid FROM block_devices WHERE name = '/dev/sda2'") == (
        {"parent": "/dev/sda", "type": "crypto_LUKS", "uuid": "0123"},
    )


def test_mounts_decode_their_names_and_resolve_their_devices(tmp_path):
    system = machine(
        tmp_path,
        {
            "/proc/self/mounts": "/dev/mapper/root /my\\040disk ext4 rw,nosuid,nodev 0 0\n",
            "/dev/mapper/root": "-> ../dm-0",
            "/my disk/": "",
        },
    )

    assert ask(system, "SELECT device, device_alias, path, flags FROM mounts") == (
        {
            "device": "/dev/mapper/root",
            "device_alias": "/dev/dm-0",
            "path": "/my disk",
            "flags": "rw,nosuid,nodev",
        },
    )


def test_controls_know_what_the_configuration_sets(tmp_path):
    system = machine(
        tmp_path,
        {
            "/proc/sys/net/ipv4/ip_forward": "0\n",
            "/proc/sys/net/ipv4/conf/eth0.1/rp_filter": "2\n",
            "/usr/lib/sysctl.d/10-a.conf": "net.ipv4.ip_forward = 5\n",
            "/usr/lib/sysctl.d/50-b.conf": "net.ipv4.ip_forward = 6\n",
            "/etc/sysctl.d/50-b.conf": "# nothing\n-net/ipv4/conf/eth0.1/rp_filter=1\n",
        },
    )

    assert ask(
        system,
        "SELECT name, subsystem, current_value, config_value FROM system_controls "
        "WHERE subsystem = 'net' ORDER BY name",
    ) == (
        {
            "name": "net.ipv4.conf.eth0.1.rp_filter",
            "subsystem": "net",
            "current_value": "2",
            "config_value": "",
        },
        {
            "name": "net.ipv4.ip_forward",
            "subsystem": "net",
            "current_value": "0",
            "config_value": "5",
        },
    )
    assert column(
        system,
        "SELECT config_value FROM system_controls WHERE name = 'net.ipv4.conf.eth0/1.rp_filter'",
    ) == ["1"]


UNIT = "[Unit]\nDescription=A thing\n[Service]\nUser=thing\n[Install]\nWantedBy=multi-user.target\n"


@pytest.mark.parametrize(
    ("files", "name", "state"),
    [
        ({"/usr/lib/systemd/system/a.service": UNIT}, "a.service", "disabled"),
        (
            {
                "/usr/lib/systemd/system/a.service": UNIT,
                "/etc/systemd/system/multi-user.target.wants/a.service": "-> /x/a.service",
            },
            "a.service",
            "enabled",
        ),
        (
            {
                "/usr/lib/systemd/system/a.service": UNIT,
                "/run/systemd/system/multi-user.target.wants/a.service": "-> /x/a.service",
            },
            "a.service",
            "enabled-runtime",
        ),
        (
            {
                "/usr/lib/systemd/system/a.service": UNIT,
                "/etc/systemd/system/a.service": "-> /dev/null",
            },
            "a.service",
            "masked",
        ),
        ({"/etc/systemd/system/a.service": ""}, "a.service", "masked"),
        ({"/usr/lib/systemd/system/a.service": "[Unit]\n"}, "a.service", "static"),
        (
            {"/usr/lib/systemd/system/a.service": "[Install]\nAlso=a.socket\n"},
            "a.service",
            "indirect",
        ),
        (
            {
                "/usr/lib/systemd/system/a@.service": UNIT,
                "/etc/systemd/system/x.target.wants/a@1.service": "-> /x/a@.service",
            },
            "a@.service",
            "enabled",
        ),
        (
            {
                "/usr/lib/systemd/system/a.service": UNIT,
                "/usr/lib/systemd/system/b.service": "-> a.service",
            },
            "b.service",
            "alias",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_state_of_a_unit_file_is_told_without_systemd(tmp_path, files, name, state):
    system = machine(tmp_path, files)

    (row,) = ask(
        system, f"SELECT unit_file_state, active_state FROM systemd_units WHERE id = '{name}'"
    )

    assert row == {"unit_file_state": state, "active_state": "inactive"}


def test_loaded_units_come_from_systemctl_where_systemd_runs(tmp_path):
    system = machine(
        tmp_path,
        {
            "/run/systemd/system/": "",
            "/proc/1/comm": "systemd\n",
            "/usr/lib/systemd/system/ssh.service": UNIT,
            "/usr/lib/systemd/system/other.service": UNIT,
        },
        systemctl=(
            "Id=ssh.service\nDescription=OpenBSD Secure Shell server\nLoadState=loaded\n"
            "ActiveState=active\nSubState=running\nUnitFileState=enabled\nJobId=7\n\nId=\n"
        ),
    )

    rows = ask(system, "SELECT id, active_state, object_path, job_id FROM systemd_units")

    assert rows == (
        {
            "id": "ssh.service",
            "active_state": "active",
            "object_path": "/org/freedesktop/systemd1/unit/ssh_2eservice",
            "job_id": "7",
        },
        {"id": "other.service", "active_state": "inactive", "object_path": "", "job_id": "0"},
    )


def test_systemd_that_runs_and_cannot_be_asked_is_an_error_and_no_answer(tmp_path):
    files = {"/run/systemd/system/": "", "/proc/1/comm": "systemd\n"}

    with pytest.raises(TableUnreadableError, match="systemctl tool is not installed"):
        ask(machine(tmp_path, files), "SELECT * FROM systemd_units")


SAVED = """\
# Generated by iptables-save v1.8.9
*filter
:INPUT DROP [5:300]
:OUTPUT ACCEPT [0:0]
:mine - [0:0]
[10:600] -A INPUT -i lo -j ACCEPT
[7:420] -A INPUT -s 10.0.0.0/8 ! -d 10.1.2.3/32 -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [1:2]
COMMIT
"""


def test_chains_policies_and_rules_of_the_firewall(tmp_path):
    system = machine(tmp_path, {}, iptables_save=SAVED)

    assert ask(
        system, "SELECT filter_name, chain, policy FROM iptables WHERE target = '' ORDER BY 2"
    ) == (
        {"filter_name": "filter", "chain": "INPUT", "policy": "DROP"},
        {"filter_name": "filter", "chain": "OUTPUT", "policy": "ACCEPT"},
        {"filter_name": "nat", "chain": "PREROUTING", "policy": "ACCEPT"},
        {"filter_name": "filter", "chain": "mine", "policy": ""},
    )
    assert ask(system, "SELECT * FROM iptables WHERE dst_port = '22'") == (
        {
            "filter_name": "filter",
            "chain": "INPUT",
            "policy": "DROP",
            "target": "ACCEPT",
            "protocol": "6",
            "src_port": "",
            "dst_port": "22",
            "src_ip": "10.0.0.0",
            "src_mask": "255.0.0.0",
            "iniface": "all",
            "iniface_mask": "",
            "dst_ip": "!10.1.2.3",
            "dst_mask": "255.255.255.255",
            "outiface": "all",
            "outiface_mask": "",
            "match": "yes",
            "packets": "7",
            "bytes": "420",
        },
    )


def test_a_firewall_that_cannot_be_read_is_an_error_and_one_that_is_absent_is_empty(tmp_path):
    loaded = {"/proc/net/ip_tables_names": "filter\n"}

    assert ask(machine(tmp_path / "none", {"/etc/": ""}), "SELECT * FROM iptables") == ()
    with pytest.raises(TableUnreadableError, match="iptables-save is not installed"):
        ask(machine(tmp_path / "loaded", loaded), "SELECT * FROM iptables")
    with pytest.raises(TableUnreadableError, match="permission denied"):
        ask(System(tmp_path, failing_tool), "SELECT * FROM iptables")


def test_rpm_packages_need_the_tool_only_where_there_is_a_database(tmp_path):
    database = {"/var/lib/rpm/rpmdb.sqlite": "x"}
    printed = "bash\t5.2\t1.el9\tbash-5.2.src.rpm\t9\tabc\tx86_64\t0\t17\tFedora\tUnspecified\n"
    installed = machine(tmp_path / "a", database, rpm=printed + "bad line\n")

    assert ask(installed, "SELECT name, version, epoch, vendor FROM rpm_packages") == (
        {"name": "bash", "version": "5.2", "epoch": "0", "vendor": "Fedora"},
    )
    assert ask(machine(tmp_path / "b", {"/etc/": ""}), "SELECT * FROM rpm_packages") == ()
    with pytest.raises(TableUnreadableError, match="rpm tool is not installed"):
        ask(machine(tmp_path / "c", database), "SELECT * FROM rpm_packages")


def test_package_sources_in_both_forms(tmp_path):
    system = machine(
        tmp_path,
        {
            "/etc/apt/sources.list": (
                "deb [arch=amd64,arm64 signed-by=/k.gpg] https://deb.test/debian trixie main x # c\n"
                "deb-src https://deb.test/debian trixie main\n# deb http://old x\n"
            ),
            "/etc/apt/sources.list.d/a.sources": (
                "Types: deb deb-src\nURIs: https://a.test\nSuites: s1 s2\nComponents: main\n\n"
                "Enabled: no\nTypes: deb\nURIs: https://b.test\nSuites: s1\nComponents: main\n"
            ),
        },
    )

    assert ask(system, "SELECT base_uri, release, components, architectures FROM apt_sources") == (
        {
            "base_uri": "https://deb.test/debian",
            "release": "trixie",
            "components": "main x",
            "architectures": "amd64 arm64",
        },
        {
            "base_uri": "https://a.test",
            "release": "s1",
            "components": "main",
            "architectures": "",
        },
        {
            "base_uri": "https://a.test",
            "release": "s2",
            "components": "main",
            "architectures": "",
        },
    )


def test_removed_packages_with_files_left_are_told_with_their_status(tmp_path):
    system = machine(
        tmp_path,
        {
            "/var/lib/dpkg/status": (
                "Package: telnetd\nStatus: deinstall ok config-files\nVersion: 1:2-3\n"
                "Conffiles:\n /etc/x abc\n\n"
                "Package: gone\nStatus: purge ok not-installed\nVersion: 1\n"
            )
        },
    )

    assert ask(system, "SELECT name, status, revision FROM deb_packages") == (
        {"name": "telnetd", "status": "deinstall ok config-files", "revision": "3"},
    )


def test_scheduled_commands_of_system_and_users(tmp_path):
    system = machine(
        tmp_path,
        {
            "/etc/crontab": "SHELL=/bin/sh\n# c\n17 *  * * *\troot\trun parts\n",
            "/etc/cron.d/.placeholder": "1 2 3 4 5 no\n",
            "/var/spool/cron/crontabs/ann": "@reboot  start it\n*/5 1,2 1-3 jan mon x y\n",
        },
    )

    assert ask(system, "SELECT event, minute, day_of_week, command, path FROM crontab") == (
        {
            "event": "",
            "minute": "17",
            "day_of_week": "*",
            "command": "root\trun parts",
            "path": "/etc/crontab",
        },
        {
            "event": "reboot",
            "minute": "",
            "day_of_week": "",
            "command": "start it",
            "path": "/var/spool/cron/crontabs/ann",
        },
        {
            "event": "",
            "minute": "*/5",
            "day_of_week": "mon",
            "command": "x y",
            "path": "/var/spool/cron/crontabs/ann",
        },
    )


def test_apparmor_and_selinux(tmp_path):
    policy = "/sys/kernel/security/apparmor/policy/profiles"
    system = machine(
        tmp_path,
        {
            f"{policy}/usr.bin.man.1/name": "/usr/bin/man\n",
            f"{policy}/usr.bin.man.1/mode": "enforce\n",
            f"{policy}/usr.bin.man.1/attach": "/usr/bin/man\n",
            f"{policy}/usr.bin.man.1/sha1": "ab\n",
            "/sys/fs/selinux/enforce": "1",
            "/sys/fs/selinux/booleans/httpd_can_connect": "0 1",
        },
    )

    assert ask(system, "SELECT path, name, mode FROM apparmor_profiles") == (
        {"path": "usr.bin.man.1", "name": "/usr/bin/man", "mode": "enforce"},
    )
    assert ask(system, "SELECT * FROM selinux_settings") == (
        {"scope": "global", "key": "enforce", "value": "1"},
        {"scope": "booleans", "key": "httpd_can_connect", "value": "off"},
    )


def test_apparmor_that_is_on_and_hidden_is_an_error(tmp_path):
    system = machine(tmp_path, {"/sys/module/apparmor/parameters/enabled": "Y\n"})

    with pytest.raises(TableUnreadableError, match="mount securityfs"):
        ask(system, "SELECT * FROM apparmor_profiles")


@pytest.mark.parametrize("value", [0, 1])
def test_secure_boot_is_the_last_byte_of_the_firmwares_variable(tmp_path, value):
    folder = tmp_path / "sys/firmware/efi/efivars"
    folder.mkdir(parents=True)
    name = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    (folder / name).write_bytes(b"\x06\0\0\0" + bytes([value]))

    assert ask(System(tmp_path), "SELECT * FROM secureboot") == (
        {"secure_boot": str(value), "setup_mode": "0"},
    )


def test_a_machine_without_uefi_has_no_secure_boot_and_hidden_variables_are_an_error(tmp_path):
    assert ask(machine(tmp_path / "a", {"/sys/": ""}), "SELECT * FROM secureboot") == ()
    with pytest.raises(TableUnreadableError, match="mount efivarfs"):
        ask(machine(tmp_path / "b", {"/sys/firmware/efi/": ""}), "SELECT * FROM secureboot")


def test_the_release_file_gives_the_operating_system(tmp_path):
    system = machine(
        tmp_path,
        {
            "/usr/lib/os-release": (
                'NAME="Ubuntu"\nVERSION="24.04.1 LTS (Noble)"\nVERSION_ID="24.04"\nID=ubuntu\n'
                "ID_LIKE=debian\nVERSION_CODENAME=noble\n"
            )
        },
    )

    assert ask(
        system,
        "SELECT name, version, major, minor, patch, platform, platform_like, codename "
        "FROM os_version",
    ) == (
        {
            "name": "Ubuntu",
            "version": "24.04.1 LTS (Noble)",
            "major": "24",
            "minor": "4",
            "patch": "0",
            "platform": "ubuntu",
            "platform_like": "debian",
            "codename": "noble",
        },
    )


FILES = {
    "/etc/a.conf": "1",
    "/etc/b.conf": "22",
    "/etc/c.txt": "3",
    "/etc/d/e.conf": "4",
    "/etc/d/f/g.conf": "5",
    "/etc/link": "-> a.conf",
    "/etc/broken": "-> nowhere",
}


@pytest.mark.parametrize(
    ("where", "paths"),
    [
        ("path = '/etc/a.conf'", ["/etc/a.conf"]),
        ("path = '/etc/absent'", []),
        ("path = 'etc/a.conf'", []),
        ("path LIKE '/etc/%.conf'", ["/etc/a.conf", "/etc/b.conf"]),
        ("path LIKE '/etc/%/%.conf'", ["/etc/d/e.conf"]),
        ("path LIKE '/etc/d/%%'", ["/etc/d/e.conf", "/etc/d/f", "/etc/d/f/g.conf"]),
        ("path LIKE '/etc/_.%t'", ["/etc/c.txt"]),
        ("path LIKE '%'", []),
        ("directory = '/etc/d'", ["/etc/d/e.conf", "/etc/d/f"]),
        ("directory LIKE '/etc/%' AND type = 'regular'", ["/etc/d/e.conf"]),
        ("path IN ('/etc/a.conf', '/etc/c.txt')", ["/etc/a.conf", "/etc/c.txt"]),
    ],
)
def test_paths_and_patterns_name_files(tmp_path, where, paths):
    system = machine(tmp_path, FILES)

    assert column(system, f"SELECT path FROM file WHERE {where} ORDER BY path") == paths


def test_a_link_answers_with_what_it_leads_to(tmp_path):
    system = machine(tmp_path, FILES)

    rows = ask(
        system,
        "SELECT filename, symlink, type, symlink_target_path FROM file "
        "WHERE path IN ('/etc/link', '/etc/broken') ORDER BY 1",
    )

    assert rows == (
        {
            "filename": "broken",
            "symlink": "1",
            "type": "symlink",
            "symlink_target_path": "nowhere",
        },
        {
            "filename": "link",
            "symlink": "1",
            "type": "regular",
            "symlink_target_path": "a.conf",
        },
    )


def test_a_pattern_that_stands_for_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("controller.agent.tables.files.MOST_PATHS", 3)

    with pytest.raises(QueryFailedError, match="more than 3 paths"):
        ask(machine(tmp_path, FILES), "SELECT path FROM file WHERE path LIKE '/etc/%%'")


def test_a_named_pipe_neither_blocks_nor_hashes(tmp_path):
    system = machine(tmp_path, {"/etc/": ""})
    (tmp_path / "etc/pipe").parent.mkdir(exist_ok=True)
    import os

    os.mkfifo(tmp_path / "etc/pipe")
    os.mkfifo(tmp_path / "etc/passwd")

    assert column(system, "SELECT type FROM file WHERE path = '/etc/pipe'") == ["fifo"]
    assert ask(system, "SELECT * FROM hash WHERE path = '/etc/pipe'") == ()
    with pytest.raises(TableUnreadableError, match="not a plain file"):
        ask(system, "SELECT * FROM users")
