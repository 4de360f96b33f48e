"""GW5xx: what SlimRMM's agents refuse or do otherwise (their versions up to 2.3.14). Pure."""

from __future__ import annotations

from typing import Final

from controller.config.codes.entry import Code

AGENTS: Final = (
    Code(
        "GW501",
        "check type that SlimRMM agents do not run",
        "Current SlimRMM agents answer registry, plist and command checks with an error, or leave them out. "
        "osquery's tables registry and plist read the same facts.",
        "check_type: registry\nplatforms: [windows]\nquery: HKLM\\SOFTWARE\\Example\\On",
        "check_type: osquery\nplatforms: [windows]\n"
        "query: SELECT data AS state FROM registry WHERE path = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\On'",
        "check",
        "warning",
    ),
    Code(
        "GW502",
        "query does not begin with 'SELECT '",
        "SlimRMM agents accept a query only when it begins with SELECT and one space: no WITH, no comment, "
        "no line break after SELECT.",
        "query: |-\n  SELECT\n    active_state AS state FROM systemd_units",
        "query: |-\n  SELECT active_state AS state\n    FROM systemd_units",
        "check",
        "warning",
    ),
    Code(
        "GW503",
        "query too long for SlimRMM agents",
        "SlimRMM agents refuse queries of more than 4096 bytes.",
        "# a query of 5,000 bytes",
        "# a query of 500 bytes",
        "file",
        "warning",
    ),
    Code(
        "GW504",
        "word that SlimRMM agents refuse",
        "SlimRMM agents refuse a query that holds one of a few SQL words anywhere, even inside text: drop, "
        "delete, insert, update, create, alter, truncate, exec, attach, detach, load_extension.",
        "query: SELECT active_state AS state FROM systemd_units WHERE id = 'update.timer'",
        "query: SELECT active_state AS state FROM systemd_units WHERE id LIKE 'updat_.timer'",
        "check",
        "warning",
    ),
    Code(
        "GW505",
        "table that SlimRMM agents refuse",
        "SlimRMM agents refuse queries over shadow, curl, curl_certificate, carves, yara and augeas.",
        "query: SELECT value AS state FROM augeas WHERE path = '/etc/ssh/sshd_config'",
        "query: SELECT active_state AS state FROM systemd_units",
        "check",
        "warning",
    ),
    Code(
        "GW506",
        "contains compares whole values",
        "On osquery rows SlimRMM agents treat contains like equals: the whole value, not a part of it. Use "
        "equals, or LIKE inside the query.",
        'comparison_operator: contains\nexpected_result: {state: "on"}',
        'comparison_operator: equals\nexpected_result: {state: "on"}',
        "check",
        "warning",
    ),
    Code(
        "GW507",
        "table of events",
        "Tables of events are filled by osquery's daemon. SlimRMM agents run osquery once per query, so such "
        "a table is always empty.",
        "query: SELECT path AS state FROM file_events",
        "query: SELECT active_state AS state FROM systemd_units",
        "check",
        "warning",
    ),
)
