import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.agent.tables import lenses
from controller.agent.tables.apt_conf import apt_conf
from controller.errors import TableUnreadableError
from tests.agent.machines import ask, column, machine

SSHD = """\
# comment
Include /etc/ssh/sshd_config.d/*.conf extra.conf
Port 22
Port 2222
PermitRootLogin=no   # not today
Banner "/etc/my banner"
Ciphers aes256-gcm@openssh.com,aes128-ctr
AllowUsers ann  bob@10.0.0.*
Subsystem sftp /usr/lib/sftp-server -l INFO
Match User ann Address 10.0.0.0/8
    PermitRootLogin yes
Match all
"""
PAM = """\
auth [success=1 default=ignore] pam_unix.so nullok [a b]
-session optional \\
 pam_systemd.so
@include common-x
"""
APT = """\
APT::Periodic::Enable "1"; // c
/* x */ # y
Unattended-Upgrade { Origins { "a;b"; "c"; }; Mail "x"; };
A::List:: "z";
"""
FILES = {
    "/etc/ssh/sshd_config": SSHD,
    "/etc/ssh/sshd_config.d/10-a.conf": "passwordauthentication no\n",
    "/etc/ssh/sshd_config.d/10-a.conf.dpkg-old": "PasswordAuthentication yes\n",
    "/etc/ssh/extra.conf": "X11Forwarding yes\nInclude /etc/ssh/deep\n",
    "/etc/ssh/deep": "UsePAM yes\n",
}


def nodes(system, path):
    rows = ask(system, f"SELECT node, value FROM augeas WHERE path = '{path}'")
    prefix = f"/files{path}"
    return {row["node"].removeprefix(prefix): row["value"] for row in rows}


def test_the_ssh_servers_configuration_as_augeas_shows_it(tmp_path):
    found = nodes(machine(tmp_path, FILES), "/etc/ssh/sshd_config")

    assert found == {
        "": "",
        "/Include": "/etc/ssh/sshd_config.d/*.conf extra.conf",
        "/Port[1]": "22",
        "/Port[2]": "2222",
        "/PermitRootLogin": "no",
        "/Banner": "/etc/my banner",
        "/Ciphers": "",
        "/Ciphers/1": "aes256-gcm@openssh.com",
        "/Ciphers/2": "aes128-ctr",
        "/AllowUsers": "",
        "/AllowUsers/1": "ann",
        "/AllowUsers/2": "bob@10.0.0.*",
        "/Subsystem": "",
        "/Subsystem/sftp": "/usr/lib/sftp-server -l INFO",
        "/Match[1]": "",
        "/Match[1]/Condition": "",
        "/Match[1]/Condition/User": "ann",
        "/Match[1]/Condition/Address": "10.0.0.0/8",
        "/Match[1]/Settings": "",
        "/Match[1]/Settings/PermitRootLogin": "yes",
        "/Match[2]": "",
        "/Match[2]/Condition": "",
        "/Match[2]/Condition/all": "",
        "/Match[2]/Settings": "",
    }


def test_files_that_the_ssh_server_includes_are_there_at_any_depth(tmp_path):
    system = machine(tmp_path, FILES)

    assert column(
        system,
        "SELECT DISTINCT path FROM augeas WHERE path LIKE '/etc/ssh/%' ORDER BY 1",
    ) == [
        "/etc/ssh/deep",
        "/etc/ssh/extra.conf",
        "/etc/ssh/sshd_config",
        "/etc/ssh/sshd_config.d/10-a.conf",
    ]
    assert nodes(system, "/etc/ssh/deep")["/UsePAM"] == "yes"


def test_a_node_finds_its_file(tmp_path):
    system = machine(tmp_path, FILES)

    assert ask(
        system, "SELECT * FROM augeas WHERE node = '/files/etc/ssh/sshd_config/PermitRootLogin'"
    ) == (
        {
            "node": "/files/etc/ssh/sshd_config/PermitRootLogin",
            "value": "no",
            "label": "PermitRootLogin",
            "path": "/etc/ssh/sshd_config",
        },
    )


def test_a_path_that_is_absent_is_empty_and_one_without_a_lens_is_an_error(tmp_path):
    system = machine(tmp_path, {"/etc/strange": "x"})

    assert ask(system, "SELECT * FROM augeas WHERE path = '/etc/ssh/sshd_config'") == ()
    assert ask(system, "SELECT * FROM augeas WHERE path = '/etc/nothing'") == ()
    with pytest.raises(TableUnreadableError, match="no lens for /etc/strange"):
        ask(system, "SELECT * FROM augeas WHERE path = '/etc/strange'")


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (
            "/etc/login.defs",
            "PASS_MAX_DAYS\t99999 # days\n#X 1\nUMASK 022\n",
            {"/PASS_MAX_DAYS": "99999", "/UMASK": "022"},
        ),
        (
            "/etc/security/pwquality.conf",
            "minlen = 14\nenforce_for_root\nbadwords = a b\n",
            {"/minlen": "14", "/enforce_for_root": "", "/badwords": "a b"},
        ),
        ("/etc/security/faillock.conf", "audit\ndeny=5\n", {"/audit": "", "/deny": "5"}),
        (
            "/etc/sysctl.d/9.conf",
            "-net.ipv4.ip_forward=0\nkernel.printk = 3 4 1 3\n",
            {"/net.ipv4.ip_forward": "0", "/kernel.printk": "3 4 1 3"},
        ),
        (
            "/etc/default/grub",
            'GRUB_CMDLINE_LINUX="audit=1 # x" # c\nexport A=b\n',
            {"/GRUB_CMDLINE_LINUX": '"audit=1 # x"', "/A": "b", "/A/export": ""},
        ),
        (
            "/etc/audit/auditd.conf",
            "max_log_file_action = keep_logs\n",
            {"/max_log_file_action": "keep_logs"},
        ),
        (
            "/etc/systemd/journald.conf",
            "[Journal]\n#Storage=auto\nStorage=persistent\nCompress=\n",
            {
                "/Journal": "",
                "/Journal/Storage": "",
                "/Journal/Storage/value": "persistent",
                "/Journal/Compress": "",
            },
        ),
        (
            "/etc/dnf/automatic.conf",
            "[commands]\napply_updates = yes\n",
            {"/commands": "", "/commands/apply_updates": "yes"},
        ),
        (
            "/etc/resolv.conf",
            "nameserver 1.1.1.1\nnameserver ::1\nsearch a b\noptions edns0 ndots:2\n",
            {
                "/nameserver[1]": "1.1.1.1",
                "/nameserver[2]": "::1",
                "/search": "",
                "/search/domain[1]": "a",
                "/search/domain[2]": "b",
                "/options": "",
                "/options/edns0": "",
                "/options/ndots": "2",
            },
        ),
        (
            "/etc/security/limits.d/core.conf",
            "* hard core 0\n",
            {
                "/domain": "*",
                "/domain/type": "hard",
                "/domain/item": "core",
                "/domain/value": "0",
            },
        ),
        (
            "/etc/modprobe.d/cis.conf",
            "install cramfs /bin/true\nblacklist usb-storage\noptions kvm a=1 b\n",
            {
                "/install": "cramfs",
                "/install/command": "/bin/true",
                "/blacklist": "usb-storage",
                "/options": "kvm",
                "/options/a": "1",
                "/options/b": "",
            },
        ),
        (
            "/etc/pam.d/common-auth",
            PAM,
            {
                "/1": "",
                "/1/type": "auth",
                "/1/control": "[success=1 default=ignore]",
                "/1/module": "pam_unix.so",
                "/1/argument[1]": "nullok",
                "/1/argument[2]": "[a b]",
                "/2": "",
                "/2/optional": "",
                "/2/type": "session",
                "/2/control": "optional",
                "/2/module": "pam_systemd.so",
                "/include": "common-x",
            },
        ),
        (
            "/etc/apt/apt.conf.d/20auto",
            APT,
            {
                "/APT": "",
                "/APT/Periodic": "",
                "/APT/Periodic/Enable": "1",
                "/Unattended-Upgrade": "",
                "/Unattended-Upgrade/Origins": "",
                "/Unattended-Upgrade/Origins/@elem[1]": "a;b",
                "/Unattended-Upgrade/Origins/@elem[2]": "c",
                "/Unattended-Upgrade/Mail": "x",
                "/A": "",
                "/A/List": "",
                "/A/List/@elem": "z",
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("/") else "",
)
def test_configuration_files_become_nodes(tmp_path, path, text, expected):
    assert nodes(machine(tmp_path, {path: text}), path) == {"": "", **expected}


def test_what_editors_and_packages_leave_behind_is_no_configuration(tmp_path):
    system = machine(tmp_path, {"/etc/default/x": "A=1", "/etc/default/x.dpkg-dist": "A=2"})

    assert column(system, "SELECT value FROM augeas WHERE label = 'A'") == ["1"]


@pytest.mark.parametrize(
    "lens",
    [
        lenses.simple,
        lenses.sysctl,
        lenses.shell,
        lenses.sshd,
        lenses.pam,
        lenses.limits,
        lenses.modprobe,
        lenses.resolv,
        lenses.ini,
        lenses.systemd,
        apt_conf,
    ],
)
@given(text=st.text(alphabet=st.sampled_from("ab =#\"'\\\n\t[]{};:@-!*,\0é"), max_size=120))
def test_no_text_makes_a_lens_fail(lens, text):
    for node in lens(text):
        assert isinstance(node.label, str)
