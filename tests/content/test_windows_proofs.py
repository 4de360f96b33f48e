"""The Windows checks, asked of tables that hold what osquery would answer there."""

from __future__ import annotations

import pytest

from tests.content.osquery_tables import DAY, NOW, Tables, outcome


def value(key: str, name: str, data: str) -> dict[str, str]:
    return {"key": f"HKEY_LOCAL_MACHINE\\{key}", "name": name, "data": data, "path": ""}


def registry(*values: tuple[str, str, str]) -> Tables:
    return {"registry": [value(*each) for each in values]}


def profile(**settings: int) -> Tables:
    return {"security_profile_info": [settings]}


DOMAIN_POLICY = r"SOFTWARE\Policies\Microsoft\WindowsFirewall\DomainProfile"
DOMAIN_LOCAL = (
    r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\DomainProfile"
)
LOGON = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
SYSTEM = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
TERMINAL = r"SYSTEM\CurrentControlSet\Control\Terminal Server"
SECURITY_POLICY = r"SOFTWARE\Policies\Microsoft\Windows\EventLog\Security"
SECURITY_LOCAL = r"SYSTEM\CurrentControlSet\Services\EventLog\Security"
REAL_TIME = r"SOFTWARE\Policies\Microsoft\Windows Defender\Real-Time Protection"
LSA = r"SYSTEM\CurrentControlSet\Control\Lsa"
RDP_ON = (TERMINAL, "fDenyTSConnections", "0")
TERMINAL_POLICY = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
RDP_ON_BY_POLICY = (TERMINAL_POLICY, "fDenyTSConnections", "0")
RDP_OFF_BY_POLICY = (TERMINAL_POLICY, "fDenyTSConnections", "1")
WORKSTATION = {"name": "Microsoft Windows 11 Pro", "build": "26100"}
SERVER = {"name": "Microsoft Windows Server 2022 Standard", "build": "20348"}
RULE = {
    "name": "anyone",
    "enabled": 1,
    "direction": "In",
    "action": "Allow",
    "profile_public": 1,
    "remote_addresses": "*",
    "local_ports": "445",
}


def updated(days: int, title: str = "2026-10 Cumulative Update") -> Tables:
    return {
        "windows_update_history": [
            {
                "date": NOW - days * DAY,
                "title": title,
                "result_code": "Succeeded",
                "operation": "Installation",
            }
        ]
    }


@pytest.mark.parametrize(
    ("check_id", "tables", "wanted"),
    [
        ("win-firewall-domain-profile", {}, "failed"),
        (
            "win-firewall-domain-profile",
            registry((DOMAIN_LOCAL, "EnableFirewall", "1")),
            "passed",
        ),
        (
            "win-firewall-domain-profile",
            registry((DOMAIN_LOCAL, "EnableFirewall", "1"), (DOMAIN_POLICY, "EnableFirewall", "0")),
            "failed",
        ),
        ("win-firewall-inbound-blocked", {}, "passed"),
        (
            "win-firewall-inbound-blocked",
            registry((DOMAIN_POLICY, "DefaultInboundAction", "0")),
            "failed",
        ),
        ("win-firewall-public-admin-ports", {"windows_firewall_rules": [RULE]}, "failed"),
        (
            "win-firewall-public-admin-ports",
            {"windows_firewall_rules": [RULE | {"remote_addresses": "10.0.0.0/8"}]},
            "passed",
        ),
        (
            "win-firewall-public-admin-ports",
            {"windows_firewall_rules": [RULE | {"local_ports": "80, 3389"}]},
            "failed",
        ),
        (
            "win-firewall-public-admin-ports",
            {"windows_firewall_rules": [RULE | {"local_ports": "13389"}]},
            "passed",
        ),
        ("win-firewall-security-center", {"os_version": [SERVER]}, "not_applicable"),
        (
            "win-firewall-security-center",
            {"os_version": [WORKSTATION], "windows_security_center": [{"firewall": "Good"}]},
            "passed",
        ),
        ("win-bitlocker-system-drive", {}, "failed"),
        (
            "win-bitlocker-system-drive",
            {"bitlocker_info": [{"drive_letter": "C:", "protection_status": 1}]},
            "passed",
        ),
        (
            "win-bitlocker-system-drive",
            {"bitlocker_info": [{"drive_letter": "C:", "protection_status": 0}]},
            "failed",
        ),
        ("win-accounts-no-auto-logon", registry((LOGON, "AutoAdminLogon", "0")), "passed"),
        ("win-accounts-no-auto-logon", registry((LOGON, "AutoAdminLogon", "1")), "failed"),
        ("win-accounts-no-auto-logon", registry((LOGON, "DefaultPassword", "pw")), "failed"),
        ("win-accounts-uac-on", {}, "passed"),
        ("win-accounts-uac-on", registry((SYSTEM, "EnableLUA", "0")), "failed"),
        ("win-accounts-uac-asks", {}, "failed"),
        (
            "win-accounts-uac-asks",
            registry((SYSTEM, "ConsentPromptBehaviorAdmin", "2")),
            "passed",
        ),
        ("win-password-length", profile(minimum_password_length=14), "passed"),
        ("win-password-length", profile(minimum_password_length=8), "failed"),
        ("win-password-max-age", profile(maximum_password_age=42), "passed"),
        ("win-password-max-age", profile(maximum_password_age=-1), "failed"),
        ("win-password-lockout", profile(lockout_bad_count=0), "failed"),
        ("win-password-lockout", profile(lockout_bad_count=5), "passed"),
        ("win-password-not-reversible", profile(clear_text_password=1), "failed"),
        ("win-remote-rdp-nla", {}, "not_applicable"),
        ("win-remote-rdp-nla", registry(RDP_ON), "failed"),
        ("win-remote-rdp-nla", registry(RDP_ON_BY_POLICY), "failed"),
        ("win-remote-rdp-nla", registry(RDP_ON, RDP_OFF_BY_POLICY), "not_applicable"),
        (
            "win-remote-rdp-nla",
            registry(RDP_ON, (TERMINAL + r"\WinStations\RDP-Tcp", "UserAuthentication", "1")),
            "passed",
        ),
        (
            "win-remote-smb1-removed",
            {"windows_optional_features": [{"name": "SMB1Protocol", "state": 1}]},
            "failed",
        ),
        (
            "win-remote-smb1-removed",
            {"windows_optional_features": [{"name": "SMB1Protocol", "state": 2}]},
            "passed",
        ),
        ("win-audit-policy-changes", profile(audit_policy_change=3), "passed"),
        ("win-audit-policy-changes", profile(audit_policy_change=2), "failed"),
        ("win-audit-security-log-size", {}, "failed"),
        (
            "win-audit-security-log-size",
            registry((SECURITY_LOCAL, "MaxSize", "20971520")),
            "failed",
        ),
        (
            "win-audit-security-log-size",
            registry((SECURITY_LOCAL, "MaxSize", "201326592")),
            "passed",
        ),
        (
            "win-audit-security-log-size",
            registry((SECURITY_LOCAL, "MaxSize", "1"), (SECURITY_POLICY, "MaxSize", "196608")),
            "passed",
        ),
        ("win-antivirus-real-time", {}, "passed"),
        (
            "win-antivirus-real-time",
            registry((REAL_TIME, "DisableRealtimeMonitoring", "1")),
            "failed",
        ),
        ("win-antivirus-defender-service", {}, "not_applicable"),
        (
            "win-antivirus-defender-service",
            {"services": [{"name": "WinDefend", "status": "STOPPED"}]},
            "failed",
        ),
        (
            "win-antivirus-defender-service",
            {
                "services": [{"name": "WinDefend", "status": "STOPPED"}],
                "windows_security_products": [
                    {"type": "Antivirus", "name": "Another", "state": "On"}
                ],
            },
            "not_applicable",
        ),
        ("win-antivirus-lsa-protection", registry((LSA, "RunAsPPL", "2")), "passed"),
        ("win-antivirus-lsa-protection", {}, "failed"),
        ("win-updates-recent", {}, "failed"),
        ("win-updates-recent", updated(20), "passed"),
        ("win-updates-recent", updated(50), "failed"),
        ("win-updates-recent", updated(1, "Definitions for Microsoft Defender"), "failed"),
        ("win-updates-supported-release", {"os_version": [WORKSTATION]}, "passed"),
        ("win-updates-supported-release", {"os_version": [SERVER]}, "passed"),
        (
            "win-updates-supported-release",
            {"os_version": [WORKSTATION | {"build": "19045"}]},
            "failed",
        ),
    ],
)
def test_a_check_tells_good_from_bad(check_id, tables, wanted):
    assert outcome(check_id, tables) == wanted
