"""The Linux checks, asked of small machines made of files, through the program's own agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.model.machine import Asked
from tests.content.documents import checks

query = pytest.importorskip("controller.agent.query", reason="the agent is not in this tree")
runner = pytest.importorskip("controller.agent.runner")
system = pytest.importorskip("controller.agent.tables.system")

LINUX = {check["id"]: check for check in checks("linux")}
SSHD = {"/usr/sbin/sshd": ""}
MAIN = "/etc/ssh/sshd_config"
EXTRA = "/etc/ssh/sshd_config.d/10-ours.conf"
PASSWORD = "/etc/pam.d/common-password"
AUTH = "/etc/pam.d/common-auth"
QUALITY = "password requisite pam_pwquality.so retry=3\n"
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"


def no_tools(_command):
    return None


def outcome(root: Path, check_id: str, files: dict[str, str]) -> tuple[str, str]:
    for name, text in files.items():
        path = root / name.lstrip("/")
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    check = LINUX[check_id]
    asked = Asked(
        check_id=check_id,
        cis_id=None,
        digest="",
        check_type="osquery",
        query=check["query"],
        comparison_operator=check["comparison_operator"],
        expected_result=check.get("expected_result"),
        applies_when=check.get("applies_when"),
    )
    machine = system.System(root, no_tools)
    (result,) = runner.evaluate([asked], lambda sql: query.run_query(sql, machine))
    return result.status, result.details


def ssh(text: str, extra: str = "") -> dict[str, str]:
    return {**SSHD, MAIN: text, **({EXTRA: extra} if extra else {})}


@pytest.mark.parametrize("check_id", LINUX)
def test_a_machine_that_has_nothing_gets_an_answer_and_no_error(tmp_path, check_id):
    assert outcome(tmp_path, check_id, {"/proc/": "", "/etc/": ""})[0] != "error"


@pytest.mark.parametrize("check_id", [i for i in LINUX if i.startswith("linux-ssh-")])
def test_ssh_is_not_applicable_without_a_server(tmp_path, check_id):
    assert outcome(tmp_path, check_id, {})[0] == "not_applicable"


@pytest.mark.parametrize(
    ("check_id", "files", "wanted"),
    [
        ("linux-ssh-root-login", ssh("PermitRootLogin no\n"), "passed"),
        ("linux-ssh-root-login", ssh("permitrootlogin NO\n"), "passed"),
        ("linux-ssh-root-login", ssh("# PermitRootLogin no\n"), "failed"),
        ("linux-ssh-root-login", ssh("PermitRootLogin prohibit-password\n"), "failed"),
        # sshd_config(5): the first value obtained counts, and the included files come first.
        ("linux-ssh-root-login", ssh("PermitRootLogin no\nPermitRootLogin yes\n"), "passed"),
        ("linux-ssh-root-login", ssh("PermitRootLogin yes\nPermitRootLogin no\n"), "failed"),
        # However it is spelled: Augeas makes nodes of different names of these.
        (
            "linux-ssh-idle-timeout",
            ssh("ClientAliveInterval 0\nClientAliveInterval 0\nclientaliveinterval 15\n"),
            "failed",
        ),
        (
            "linux-ssh-root-login",
            ssh("permitrootlogin no\nPermitRootLogin yes\nPERMITROOTLOGIN yes\n"),
            "passed",
        ),
        (
            "linux-ssh-root-login",
            ssh(INCLUDE + "PermitRootLogin no\n", "PermitRootLogin yes\n"),
            "failed",
        ),
        (
            "linux-ssh-root-login",
            ssh(INCLUDE + "PermitRootLogin yes\n", "PermitRootLogin no\n"),
            "passed",
        ),
        ("linux-ssh-root-login", ssh("Match User root\n  PermitRootLogin no\n"), "failed"),
        (
            "linux-ssh-root-login",
            {**SSHD, MAIN: INCLUDE, "/etc/ssh/sshd_config.d/match.conf": "PermitRootLogin no\n"},
            "passed",
        ),
        # A file below sshd_config.d that nothing includes is read by nobody.
        (
            "linux-ssh-root-login",
            ssh("PermitRootLogin yes\n", "PermitRootLogin no\n"),
            "failed",
        ),
        (
            "linux-ssh-match-sections",
            ssh("PermitRootLogin no\nMatch all\nX11Forwarding no\n"),
            "passed",
        ),
        ("linux-ssh-match-sections", ssh("Match User root\n  PermitRootLogin no\n"), "passed"),
        (
            "linux-ssh-match-sections",
            ssh("PermitRootLogin no\nMatch Address 10.0.0.0/8\n  PermitRootLogin yes\n"),
            "failed",
        ),
        (
            "linux-ssh-match-sections",
            ssh(INCLUDE, "match user bob\n permitemptypasswords yes\n"),
            "failed",
        ),
        ("linux-ssh-password-login", ssh(""), "failed"),
        ("linux-ssh-password-login", ssh("PasswordAuthentication no\n"), "passed"),
        ("linux-ssh-empty-passwords", ssh(""), "passed"),
        ("linux-ssh-empty-passwords", ssh("PermitEmptyPasswords yes\n"), "failed"),
        ("linux-ssh-max-auth-tries", ssh(""), "failed"),
        ("linux-ssh-max-auth-tries", ssh("MaxAuthTries 4\n"), "passed"),
        ("linux-ssh-login-grace-time", ssh("LoginGraceTime 60\n"), "passed"),
        ("linux-ssh-login-grace-time", ssh("LoginGraceTime 1m\n"), "passed"),
        ("linux-ssh-login-grace-time", ssh("LoginGraceTime 2m\n"), "failed"),
        ("linux-ssh-login-grace-time", ssh("LoginGraceTime 0\n"), "failed"),
        ("linux-ssh-login-grace-time", ssh(""), "failed"),
        ("linux-ssh-idle-timeout", ssh("ClientAliveInterval 15\n"), "passed"),
        ("linux-ssh-idle-timeout", ssh(""), "failed"),
        ("linux-ssh-forwarding", ssh("DisableForwarding yes\n"), "passed"),
        ("linux-ssh-host-based", ssh("HostbasedAuthentication yes\n"), "failed"),
        ("linux-ssh-user-environment", ssh("PermitUserEnvironment LANG\n"), "failed"),
        ("linux-ssh-pam", ssh(""), "failed"),
        ("linux-ssh-pam", ssh("UsePAM yes\n"), "passed"),
        ("linux-ssh-allowed-people", ssh("AllowGroups admins ops\n"), "passed"),
        ("linux-ssh-allowed-people", ssh("PermitRootLogin no\n"), "failed"),
        ("linux-audit-ssh-log-level", ssh("LogLevel QUIET\n"), "failed"),
        ("linux-audit-ssh-log-level", ssh("LogLevel VERBOSE\n"), "passed"),
        ("linux-encryption-ssh-ciphers", ssh("Ciphers aes256-ctr,aes128-cbc\n"), "failed"),
        ("linux-encryption-ssh-ciphers", ssh("Ciphers aes256-gcm@openssh.com\n"), "passed"),
        ("linux-encryption-ssh-ciphers", ssh("Ciphers -3des-cbc\n"), "passed"),
        ("linux-encryption-ssh-ciphers", ssh("Ciphers -3des-cbc,aes128-cbc\n"), "passed"),
        ("linux-encryption-ssh-ciphers", ssh("Ciphers +3des-cbc\n"), "failed"),
        ("linux-encryption-ssh-macs", ssh("MACs -hmac-sha1,hmac-md5\n"), "passed"),
        ("linux-encryption-ssh-macs", ssh("MACs hmac-md5,hmac-sha2-256\n"), "failed"),
        ("linux-encryption-ssh-macs", ssh("MACs hmac-sha2-512-etm@openssh.com\n"), "passed"),
        ("linux-password-max-age", {"/etc/login.defs": "PASS_MAX_DAYS 365\n"}, "passed"),
        ("linux-password-max-age", {"/etc/login.defs": "PASS_MAX_DAYS -1\n"}, "failed"),
        ("linux-password-max-age", {"/etc/login.defs": ""}, "failed"),
        ("linux-password-min-age", {"/etc/login.defs": "PASS_MIN_DAYS 1\n"}, "passed"),
        ("linux-password-warning", {"/etc/login.defs": "PASS_WARN_AGE 3\n"}, "failed"),
        ("linux-password-hash-method", {"/etc/login.defs": "ENCRYPT_METHOD yescrypt\n"}, "passed"),
        ("linux-password-hash-method", {"/etc/login.defs": "ENCRYPT_METHOD MD5\n"}, "failed"),
        ("linux-password-hash-method", {"/etc/login.defs": ""}, "failed"),
        (
            "linux-password-hash-method",
            {"/etc/login.defs": "ENCRYPT_METHOD YESCRYPT\nENCRYPT_METHOD DES\n"},
            "failed",
        ),
        (
            "linux-password-length",
            {PASSWORD: QUALITY, "/etc/security/pwquality.conf": "minlen = 14\n"},
            "passed",
        ),
        (
            "linux-password-length",
            {PASSWORD: "", "/etc/security/pwquality.conf": "minlen = 14\n"},
            "failed",
        ),
        ("linux-password-length", {PASSWORD: QUALITY}, "failed"),
        (
            "linux-password-length",
            {PASSWORD: QUALITY, "/etc/security/pwquality.conf.d/50-length.conf": "minlen = 14\n"},
            "passed",
        ),
        (
            "linux-password-length",
            {
                PASSWORD: QUALITY,
                "/etc/security/pwquality.conf": "minlen = 8\n",
                "/etc/security/pwquality.conf.d/50-length.conf": "minlen = 14\n",
            },
            "failed",
        ),
        (
            "linux-password-length",
            {
                PASSWORD: "password requisite pam_pwquality.so minlen=8\n",
                "/etc/security/pwquality.conf": "minlen = 14\n",
            },
            "failed",
        ),
        (
            "linux-password-complexity",
            {PASSWORD: "password requisite pam_pwquality.so minclass=4\n"},
            "passed",
        ),
        (
            "linux-password-complexity",
            {
                PASSWORD: QUALITY,
                "/etc/security/pwquality.conf": "minclass = 1\n",
                "/etc/security/pwquality.conf.d/a.conf": "minclass = 4\n",
            },
            "failed",
        ),
        (
            "linux-password-complexity",
            {PASSWORD: QUALITY, "/etc/security/pwquality.conf": "minclass = 3\n"},
            "passed",
        ),
        (
            "linux-password-complexity",
            {
                PASSWORD: QUALITY,
                "/etc/security/pwquality.conf": "ucredit = -1\ndcredit = -1\nocredit = -1\n",
            },
            "passed",
        ),
        (
            "linux-password-complexity",
            {PASSWORD: QUALITY, "/etc/security/pwquality.conf": "ucredit = 1\ndcredit = -1\n"},
            "failed",
        ),
        (
            "linux-password-history",
            {PASSWORD: "password requisite pam_pwhistory.so remember=24 use_authtok\n"},
            "passed",
        ),
        (
            "linux-password-history",
            {
                PASSWORD: "password requisite pam_pwhistory.so use_authtok\n",
                "/etc/security/pwhistory.conf": "remember = 24\n",
            },
            "passed",
        ),
        (
            "linux-password-history",
            {PASSWORD: "password requisite pam_pwhistory.so remember=5\n"},
            "failed",
        ),
        ("linux-password-lockout", {AUTH: "auth required pam_faillock.so preauth\n"}, "passed"),
        (
            "linux-password-lockout",
            {
                AUTH: "auth required pam_faillock.so preauth\n",
                "/etc/security/faillock.conf": "deny = 0\n",
            },
            "failed",
        ),
        ("linux-password-lockout", {AUTH: "auth required pam_unix.so\n"}, "failed"),
        (
            "linux-password-lockout",
            {
                AUTH: "auth required pam_faillock.so preauth deny=10\n",
                "/etc/security/faillock.conf": "deny = 5\n",
            },
            "failed",
        ),
        ("linux-password-inactive-lock", {"/etc/default/useradd": "INACTIVE=30\n"}, "passed"),
        ("linux-password-inactive-lock", {"/etc/default/useradd": "INACTIVE=-1\n"}, "failed"),
        ("linux-password-no-nullok", {AUTH: "auth required pam_unix.so nullok\n"}, "failed"),
        ("linux-password-no-nullok", {AUTH: "auth required pam_unix.so\n"}, "passed"),
        (
            "linux-accounts-su-restricted",
            {"/etc/pam.d/su": "auth required pam_wheel.so use_uid group=sugroup\n"},
            "passed",
        ),
        (
            "linux-accounts-su-restricted",
            {"/etc/pam.d/su": "auth sufficient pam_wheel.so trust\n"},
            "failed",
        ),
        (
            "linux-accounts-su-restricted",
            {"/etc/pam.d/su": "# auth required pam_wheel.so\n"},
            "failed",
        ),
        (
            "linux-accounts-su-restricted",
            {"/etc/pam.d/su": "auth required pam_wheel.so deny group=nosu\n"},
            "failed",
        ),
        (
            "linux-accounts-su-restricted",
            {"/etc/pam.d/su": "account required pam_wheel.so\n"},
            "failed",
        ),
        (
            "linux-accounts-only-root-uid-0",
            {"/etc/passwd": "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n"},
            "failed",
        ),
        (
            "linux-accounts-only-root-uid-0",
            {"/etc/passwd": "root:x:0:0::/root:/bin/sh\n"},
            "passed",
        ),
        (
            "linux-accounts-no-empty-password",
            {"/etc/passwd": "a:x:1000:1000::/:/bin/sh\n", "/etc/shadow": "a::19000:0:99999:7:::\n"},
            "failed",
        ),
        (
            "linux-accounts-unique-uid",
            {"/etc/passwd": "a:x:1000:1000::/:/bin/sh\nb:x:1000:1000::/:/bin/sh\n"},
            "failed",
        ),
        (
            "linux-accounts-system-shell",
            {"/etc/passwd": "db:x:101:101::/:/bin/bash\nsync:x:4:65534::/bin:/bin/sync\n"},
            "failed",
        ),
        (
            "linux-accounts-system-shell",
            {"/etc/passwd": "db:x:101:101::/:/usr/sbin/nologin\nann:x:1000:1::/:/bin/bash\n"},
            "passed",
        ),
        # passwd(5): an empty field means /bin/sh.
        ("linux-accounts-system-shell", {"/etc/passwd": "db:x:101:101::/:\n"}, "failed"),
        ("linux-accounts-sudo-password", {"/etc/sudoers": "%ops ALL=(ALL) ALL\n"}, "passed"),
        (
            "linux-accounts-sudo-password",
            {"/etc/sudoers": "bob ALL=(ALL) NOPASSWD: ALL\n"},
            "failed",
        ),
        ("linux-accounts-sudo-pty", {"/etc/sudoers": "Defaults use_pty\n"}, "passed"),
        ("linux-accounts-sudo-pty", {"/etc/sudoers": "Defaults !use_pty\n"}, "failed"),
        (
            "linux-audit-sudo-log",
            {"/etc/sudoers": 'Defaults logfile="/var/log/sudo.log"\n'},
            "passed",
        ),
        ("linux-audit-log-kept", {"/etc/audit/auditd.conf": ""}, "failed"),
        (
            "linux-audit-log-kept",
            {"/etc/audit/auditd.conf": "max_log_file_action = keep_logs\n"},
            "passed",
        ),
        (
            "linux-audit-log-full",
            {"/etc/audit/auditd.conf": "disk_full_action = HALT\n"},
            "passed",
        ),
        ("linux-audit-log-full", {"/etc/audit/auditd.conf": ""}, "failed"),
        (
            "linux-updates-signed-packages",
            {"/etc/apt/apt.conf.d/99x": 'APT::Get::AllowUnauthenticated "true";\n'},
            "failed",
        ),
        ("linux-updates-signed-packages", {"/etc/apt/apt.conf.d/99x": ""}, "passed"),
        (
            "linux-updates-signed-packages",
            {"/etc/apt/apt.conf.d/99x": 'acquire::allowinsecurerepositories "yes";\n'},
            "failed",
        ),
        (
            "linux-updates-supported-release",
            {"/etc/os-release": 'ID=ubuntu\nNAME="Ubuntu"\nVERSION_ID="24.10"\n'},
            "failed",
        ),
        (
            "linux-updates-supported-release",
            {"/etc/os-release": 'ID=debian\nNAME="Debian"\nVERSION_ID="11"\n'},
            "failed",
        ),
        (
            "linux-updates-supported-release",
            {"/etc/os-release": 'ID=ubuntu\nNAME="Ubuntu"\nVERSION_ID="24.04"\n'},
            "passed",
        ),
        ("linux-updates-no-restart-pending", {"/run/reboot-required": ""}, "failed"),
    ],
)
def test_a_check_tells_good_from_bad(tmp_path, check_id, files, wanted):
    found, details = outcome(tmp_path, check_id, files)
    assert found == wanted, details


def test_automatic_installation_counts_only_when_it_is_switched_on(tmp_path):
    package = (
        "Package: unattended-upgrades\nStatus: install ok installed\nVersion: 2.9\n"
        "Architecture: all\n"
    )
    files = {"/var/lib/dpkg/status": package, "/etc/apt/apt.conf.d/20auto-upgrades": ""}
    assert outcome(tmp_path, "linux-updates-automatic", files)[0] == "passed"
    assert outcome(tmp_path, "linux-updates-automatic-on", files)[0] == "failed"
    files["/etc/apt/apt.conf.d/20auto-upgrades"] = 'APT::Periodic::Unattended-Upgrade "1";\n'
    assert outcome(tmp_path, "linux-updates-automatic-on", files)[0] == "passed"
    files["/etc/apt/apt.conf.d/99-off"] = 'APT { Periodic { Unattended-Upgrade "0"; }; };\n'
    assert outcome(tmp_path, "linux-updates-automatic-on", files)[0] == "failed"


def test_a_package_that_was_removed_is_not_installed(tmp_path):
    removed = "Package: telnetd\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n"
    files = {"/var/lib/dpkg/status": removed}
    assert outcome(tmp_path, "linux-remote-clear-text", files)[0] == "passed"
