"""The macOS checks, asked of tables that hold what osquery would answer there."""

from __future__ import annotations

import pytest

from tests.content.osquery_tables import Tables, outcome


def managed(domain: str, **settings: object) -> Tables:
    return {
        "managed_policies": [
            {"domain": f"com.apple.{domain}", "name": name, "value": str(setting)}
            for name, setting in settings.items()
        ]
    }


def sshd(*lines: tuple[str, str]) -> Tables:
    path = "/etc/ssh/sshd_config"
    nodes = [
        {
            "path": path,
            "node": f"/files{path}/{label}",
            "label": label.split("/")[-1],
            "value": text,
        }
        for label, text in lines
    ]
    return {"augeas": nodes, "sharing_preferences": [{"remote_login": 1}]}


SOFTWARE_UPDATE = "/Library/Preferences/com.apple.SoftwareUpdate.plist"


@pytest.mark.parametrize(
    ("check_id", "tables", "wanted"),
    [
        ("mac-firewall-on", {"alf": [{"global_state": 0}]}, "failed"),
        ("mac-firewall-on", {"alf": [{"global_state": 2}]}, "passed"),
        (
            "mac-encryption-filevault",
            {
                "disk_encryption": [
                    {"user_uuid": "x", "encrypted": 1, "filevault_status": "on"},
                ]
            },
            "passed",
        ),
        (
            "mac-encryption-filevault",
            {
                "disk_encryption": [
                    {"user_uuid": "", "encrypted": 1, "filevault_status": "off"},
                ]
            },
            "failed",
        ),
        ("mac-accounts-screen-lock", {}, "failed"),
        ("mac-accounts-screen-lock", managed("screensaver", askForPassword=1), "passed"),
        (
            "mac-accounts-screen-lock",
            managed("screensaver", askForPassword=1, askForPasswordDelay=60),
            "failed",
        ),
        ("mac-accounts-sudo-timeout", {}, "failed"),
        (
            "mac-accounts-sudo-timeout",
            {"sudoers": [{"header": "Defaults", "rule_details": "timestamp_timeout=0"}]},
            "passed",
        ),
        (
            "mac-accounts-sudo-timeout",
            {"sudoers": [{"header": "Defaults", "rule_details": "timestamp_timeout=05"}]},
            "failed",
        ),
        ("mac-password-length", {}, "failed"),
        (
            "mac-password-length",
            managed("mobiledevice.passwordpolicy", minLength=15),
            "passed",
        ),
        (
            "mac-password-max-age",
            managed("mobiledevice.passwordpolicy", maxPINAgeInDays=0),
            "failed",
        ),
        (
            "mac-password-lockout",
            managed("mobiledevice.passwordpolicy", maxFailedAttempts=5),
            "passed",
        ),
        (
            "mac-remote-ssh-root",
            {"sharing_preferences": [{"remote_login": 0}]},
            "not_applicable",
        ),
        ("mac-remote-ssh-root", sshd(), "failed"),
        ("mac-remote-ssh-root", sshd(("PermitRootLogin", "no")), "passed"),
        ("mac-remote-ssh-root", sshd(("Match/Settings/PermitRootLogin", "no")), "failed"),
        ("mac-remote-ssh-empty-passwords", sshd(), "passed"),
        (
            "mac-malware-sip",
            {"sip_config": [{"config_flag": "sip", "enabled": 0}]},
            "failed",
        ),
        (
            "mac-malware-amfi",
            {"nvram": [{"name": "boot-args", "value": "-v amfi_get_out_of_my_way=1"}]},
            "failed",
        ),
        ("mac-malware-amfi", {"nvram": [{"name": "boot-args", "value": "-v"}]}, "passed"),
        (
            "mac-malware-launch-from-tmp",
            {"launchd": [{"program": "", "program_arguments": "/bin/sh /tmp/x"}]},
            "failed",
        ),
        (
            "mac-malware-launch-from-tmp",
            {
                "launchd": [
                    {"program": "/usr/bin/x", "program_arguments": "/usr/bin/x -o /var/tmpfile"}
                ]
            },
            "passed",
        ),
        ("mac-malware-xprotect-current", {}, "failed"),
        ("mac-updates-none-pending", {}, "failed"),
        (
            "mac-updates-none-pending",
            {"plist": [{"path": SOFTWARE_UPDATE, "key": "LastUpdatesAvailable", "value": "0"}]},
            "passed",
        ),
        ("mac-updates-search", {}, "passed"),
        ("mac-updates-search", managed("SoftwareUpdate", AutomaticCheckEnabled=0), "failed"),
        ("mac-updates-install-macos", {}, "failed"),
        (
            "mac-updates-install-macos",
            managed("SoftwareUpdate", AutomaticallyInstallMacOSUpdates=1),
            "passed",
        ),
        ("mac-updates-deferral", managed("applicationaccess"), "passed"),
        (
            "mac-updates-deferral",
            managed("applicationaccess", enforcedSoftwareUpdateDelay=90),
            "failed",
        ),
    ],
)
def test_a_check_tells_good_from_bad(check_id, tables, wanted):
    assert outcome(check_id, tables) == wanted
