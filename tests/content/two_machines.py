"""A Linux machine as it was installed, in a temporary root, and our own advice followed there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from controller.agent.tables.system import System
from tests.agent.machines import Tools, machine
from tests.content.documents import checks

REMEDIES = {check["id"]: check["remediation"] for check in checks("linux")}
FIREWALL = "*filter\n:INPUT {} [0:0]\n:FORWARD {} [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
SYSCTL = {
    "kernel/randomize_va_space": "2",
    "kernel/yama/ptrace_scope": "0",
    "net/ipv4/ip_forward": "0",
    "net/ipv6/conf/all/forwarding": "0",
    "net/ipv4/tcp_syncookies": "1",
    **{
        f"net/ipv{version}/conf/{which}/{name}": value
        for version in (4, 6)
        for which in ("all", "default")
        for name, value in (("accept_redirects", "1"), ("accept_source_route", "0"))
    },
    **{f"net/ipv4/conf/{which}/rp_filter": "2" for which in ("all", "default")},
}
DPKG = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\n"
MODES = {
    "/etc/passwd": 0o666,
    "/etc/group": 0o644,
    "/etc/shadow": 0o644,
    "/etc/ssh/sshd_config": 0o644,
    "/etc/ssh/ssh_host_ed25519_key": 0o644,
    "/etc/crontab": 0o666,
    "/etc/cron.d": 0o755,
    "/home/ann": 0o755,
    "/var/log/auth.log": 0o644,
    "/var/log/syslog": 0o640,
    "/var/log/btmp": 0o660,
}
FILES = {
    "/etc/os-release": 'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n',
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n"
    "db:x:101:101::/var/lib/db:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\n",
    "/etc/group": "root:x:0:\nshadow:x:42:\nann:x:1000:\n",
    "/etc/shadow": "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n"
    "db:!:19000:0:99999:7:::\nann:$y$j9T$salt$hash:19000:0:99999:7:::\n",
    "/etc/login.defs": "PASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\nPASS_WARN_AGE 7\nENCRYPT_METHOD SHA512\n",
    "/etc/default/useradd": "SHELL=/bin/sh\n",
    "/etc/pam.d/common-password": "password [success=1 default=ignore] pam_unix.so obscure yescrypt\n",
    "/etc/pam.d/common-auth": "auth [success=1 default=ignore] pam_unix.so nullok\n",
    "/etc/pam.d/su": "auth sufficient pam_rootok.so\n# auth required pam_wheel.so\n",
    "/usr/sbin/sshd": "",
    "/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nX11Forwarding yes\n",
    "/etc/ssh/sshd_config.d/": "",
    "/etc/ssh/ssh_host_ed25519_key": "not a key",
    "/etc/sudoers": "Defaults env_reset\nroot ALL=(ALL) ALL\nann ALL=(ALL) NOPASSWD: ALL\n",
    "/etc/audit/auditd.conf": "max_log_file_action = ROTATE\ndisk_full_action = SUSPEND\n",
    "/etc/crontab": "17 * * * * root true\n",
    "/etc/cron.d/": "",
    "/etc/apt/apt.conf.d/": "",
    "/etc/apt/sources.list": "deb http://deb.example.com/debian bookworm main\n",
    "/var/lib/apt/lists/partial/": "",
    "/var/lib/dpkg/status": DPKG.format("telnetd") + DPKG.format("openssh-server"),
    "/var/log/auth.log": "",
    "/var/log/syslog": "",
    "/var/log/btmp": "",
    "/home/ann/": "",
    "/root/": "",
    "/run/systemd/system/": "",
    "/proc/1/comm": "systemd\n",
    "/proc/self/mounts": "overlay / overlay rw 0 0\ntmpfs /dev/shm tmpfs rw,nosuid,nodev 0 0\n",
    "/proc/uptime": "864000.00 100.00\n",
    "/proc/modules": "",
}
UNITS_AT_FIRST = ("systemd-journald.service", "apt-daily-upgrade.timer")


def untouched(root: Path) -> System:
    """The machine as it was installed."""
    controls = {f"/proc/sys/{name}": f"{value}\n" for name, value in SYSCTL.items()}
    system = machine(root, {**FILES, **controls})
    for path, mode in MODES.items():
        (root / path.lstrip("/")).chmod(mode)
    for path in ("lists", "lists/partial"):
        os.utime(root / "var/lib/apt" / path, (1_600_000_000, 1_600_000_000))
    return System(system.root, Tools(tools(UNITS_AT_FIRST, "ACCEPT")))


def hardened(root: Path) -> System:
    """The same machine after every piece of advice that fits it was followed."""
    untouched(root)
    for check in (
        "linux-accounts-passwd-file",
        "linux-encryption-ssh-host-keys",
        "linux-audit-log-files-closed",
        "linux-accounts-cron-folders",
        "linux-net-icmp-redirects",
        "linux-net-reverse-path",
        "linux-malware-ptrace",
        "linux-accounts-home-private",
        "linux-accounts-system-shell",
        "linux-password-max-age-accounts",
        "linux-password-inactive-lock",
        "linux-audit-journal-persistent",
    ):
        type_command(root, check)
    (root / "etc/shadow").chmod(0o640)
    edit(root, "/etc/ssh/sshd_config", lambda text: text.replace("X11", "#X11"))
    edit(
        root,
        "/etc/ssh/sshd_config.d/10-ours.conf",
        lambda _: (
            "PermitRootLogin no\nPasswordAuthentication no\nMaxAuthTries 4\nLoginGraceTime 60\n"
            "ClientAliveInterval 15\nClientAliveCountMax 3\nDisableForwarding yes\nAllowGroups ann\n"
        ),
    )
    edit(root, "/etc/login.defs", lambda text: text.replace("99999", "365").replace("S 0", "S 1"))
    edit(
        root,
        "/etc/pam.d/common-password",
        lambda text: (
            "password requisite pam_pwquality.so retry=3\n"
            "password requisite pam_pwhistory.so remember=24 enforce_for_root use_authtok\n" + text
        ),
    )
    edit(root, "/etc/security/pwquality.conf", lambda _: "minlen = 14\nminclass = 3\n")
    edit(root, "/etc/security/faillock.conf", lambda _: "deny = 5\n")
    edit(
        root,
        "/etc/pam.d/common-auth",
        lambda text: "auth required pam_faillock.so preauth\n" + text.replace(" nullok", ""),
    )
    edit(
        root,
        "/etc/pam.d/su",
        lambda text: text + "auth required pam_wheel.so use_uid group=sugroup\n",
    )
    edit(
        root,
        "/etc/sudoers",
        lambda text: (
            text.replace("NOPASSWD: ", "")
            + 'Defaults use_pty\nDefaults logfile="/var/log/sudo.log"\n'
        ),
    )
    edit(
        root,
        "/etc/audit/auditd.conf",
        lambda text: text.replace("ROTATE", "keep_logs").replace("SUSPEND", "HALT"),
    )
    packages = ("auditd", "aide", "unattended-upgrades", "logrotate", "openssh-server")
    edit(root, "/var/lib/dpkg/status", lambda _: "".join(DPKG.format(name) for name in packages))
    edit(root, "/usr/sbin/logrotate", lambda _: "")
    edit(root, "/etc/logrotate.conf", lambda _: "weekly\n")
    edit(
        root,
        "/etc/apt/apt.conf.d/20auto-upgrades",
        lambda _: 'APT::Periodic::Unattended-Upgrade "1";\n',
    )
    edit(
        root,
        "/etc/apt/sources.list",
        lambda text: text + "deb http://security.example.com/debian bookworm-security main\n",
    )
    edit(
        root, "/proc/self/mounts", lambda text: text.replace("nosuid,nodev", "nosuid,nodev,noexec")
    )
    os.utime(root / "var/lib/apt/lists")  # "apt update" touches it
    units = (*UNITS_AT_FIRST, "nftables.service", "auditd.service", "chrony.service")
    return System(root, Tools(tools((*units, "clamav-daemon.service"), "DROP")))


def tools(units: tuple[str, ...], policy: str) -> dict[str, str]:
    """What systemctl and iptables-save print there."""
    blocks = (
        f"Id={unit}\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n"
        for unit in units
    )
    return {"systemctl": "\n".join(blocks), "iptables-save": FIREWALL.format(policy, policy)}


def edit(root: Path, path: str, change: Callable[[str], str]) -> None:
    """What a person does with an editor where a step says "set"."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(change(file.read_text() if file.exists() else ""))


def type_command(root: Path, check_id: str) -> None:
    """Type the command of a check's advice, held inside the root."""
    for command in REMEDIES[check_id]["command"].split(" && "):
        words = shlex.split(command.replace("/home/NAME", "/home/ann"))
        typed = IN_ROOT[words[0]](root, words)
        for each in typed:
            subprocess.run(["sh", "-c", shlex.join(each)], check=True, capture_output=True)


def _on_files(root: Path, words: list[str]) -> list[list[str]]:
    below = [
        [str(found) for found in root.glob(word.lstrip("/"))] or [f"{root}{word}"]
        if word.startswith("/")
        else [word]
        for word in words
    ]
    known = [path for group in below for path in group]
    # The advice names every folder that there may be; a person leaves out what is not there.
    return [
        [
            word
            for word in known
            if words[0] == "mkdir" or not word.startswith("/") or Path(word).exists()
        ]
    ]


def _on_controls(root: Path, words: list[str]) -> list[list[str]]:
    for word in words[2:]:
        name, value = word.split("=")
        path = root / "proc/sys" / name.replace(".", "/")
        assert path.exists(), name
        path.write_text(f"{value}\n")
    return []


def _on_accounts(root: Path, words: list[str]) -> list[list[str]]:
    return [[words[0], "--prefix", str(root), *(re.sub("^NAME$", "db", w) for w in words[1:])]]


def _max_days(root: Path, words: list[str]) -> list[list[str]]:
    """``chage`` knows no prefix: its field of the file, as shadow(5) has it."""
    days = words[words.index("--maxdays") + 1]

    def change(text: str) -> str:
        return re.sub(r"^(ann:[^:]*:[^:]*:[^:]*:)\d+", rf"\g<1>{days}", text, flags=re.M)

    edit(root, "/etc/shadow", change)
    return []


def _default_inactive(root: Path, words: list[str]) -> list[list[str]]:
    """``useradd -D`` takes no prefix either: the line that it writes."""
    days = words[words.index("-f") + 1]
    edit(root, "/etc/default/useradd", lambda text: f"{text}INACTIVE={days}\n")
    return []


def _on_services(root: Path, words: list[str]) -> list[list[str]]:
    """What runs is what the tools print; the journal makes its folder when it starts."""
    if words == ["systemctl", "restart", "systemd-journald"]:
        (root / "var/log/journal/0123456789abcdef").mkdir()
    return []


IN_ROOT: dict[str, Callable[[Path, list[str]], list[list[str]]]] = {
    "chmod": _on_files,
    "chown": _on_files,
    "mkdir": _on_files,
    "sysctl": _on_controls,
    "usermod": _on_accounts,
    "useradd": _default_inactive,
    "chage": _max_days,
    "systemctl": _on_services,
}
