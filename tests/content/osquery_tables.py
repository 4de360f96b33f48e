"""Windows machines and Macs as tables that hold what osquery would answer there."""

from __future__ import annotations

import sqlite3
from typing import Any

from controller.scoring.judge import judge
from tests.content.documents import checks

CHECKS = {check["id"]: check for check in checks("windows") + checks("darwin")}
NOW = 1_800_000_000
DAY = 86_400

COLUMNS = {
    "account_policy_data": "uid bigint, password_last_set_time double",
    "alf": "global_state integer, stealth_enabled integer",
    "augeas": "node, label, value, path",
    "bitlocker_info": "drive_letter text, protection_status integer, encryption_method text, "
    "percentage_encrypted integer",
    "disk_encryption": "name text, user_uuid text, encrypted integer, filevault_status text",
    "file": "path text, directory text, filename text, mode text, uid bigint, mtime bigint, type text",
    "launchd": "path text, label text, program text, program_arguments text",
    "managed_policies": "domain text, name text, value text",
    "nvram": "name text, value text",
    "os_version": "name text, version text, major integer, build text",
    "plist": "path text, key text, value text",
    "processes": "pid bigint, name text, path text",
    "registry": "key text, path text, name text, data text",
    "security_profile_info": "maximum_password_age integer, lockout_bad_count integer, "
    "minimum_password_length integer, clear_text_password integer, audit_policy_change integer",
    "services": "name text, status text, start_type text",
    "sharing_preferences": "remote_login integer, screen_sharing integer",
    "sip_config": "config_flag text, enabled integer",
    "sudoers": "source text, header text, rule_details text",
    "time": "unix_time integer",
    "user_groups": "uid bigint, gid bigint",
    "users": "uid bigint, username text, directory text",
    "windows_firewall_rules": "name text, enabled integer, direction text, action text, "
    "profile_public integer, remote_addresses text, local_ports text",
    "windows_optional_features": "name text, statename text, state integer",
    "windows_security_center": "antivirus text, firewall text",
    "windows_security_products": "type text, name text, state text, signatures_up_to_date integer",
    "windows_update_history": "date bigint, title text, result_code text, operation text",
}

Tables = dict[str, list[dict[str, Any]]]


def outcome(check_id: str, tables: Tables) -> str:
    check = CHECKS[check_id]
    connection = sqlite3.connect(":memory:")
    try:
        for table, columns in COLUMNS.items():
            connection.execute(f'CREATE TABLE "{table}" ({columns})')
        for table, stored in ({"time": [{"unix_time": NOW}]} | tables).items():
            for row in stored:
                marks = ", ".join("?" for _ in row)
                insert = f'INSERT INTO "{table}" ({", ".join(row)}) VALUES ({marks})'
                connection.execute(insert, tuple(row.values()))
        if "applies_when" in check and not ask(connection, check["applies_when"]):
            return "not_applicable"
        rows = ask(connection, check["query"])
    finally:
        connection.close()
    return judge(check["comparison_operator"], check.get("expected_result"), rows).outcome


def ask(connection: sqlite3.Connection, sql: str) -> list[dict[str, str]]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return [
        {name: "" if value is None else str(value) for name, value in zip(names, row, strict=True)}
        for row in cursor
    ]
