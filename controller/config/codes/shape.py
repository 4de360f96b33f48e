"""GW2xx: what one document must look like. Pure."""

from __future__ import annotations

from typing import Final

from controller.config.codes.entry import Code

SHAPE: Final = (
    Code(
        "GW201",
        "unknown field",
        "The field is none of this document's. A misspelt field would otherwise be ignored and its "
        "default hold.",
        "enabeld: false",
        "enabled: false",
    ),
    Code(
        "GW202",
        "missing field",
        "The field is required: there is no default that would be right for everybody.",
        "name: Office\ntarget_os: linux",
        "name: Office\ntarget_os: linux\ncis_level: level_1",
        "file",
    ),
    Code(
        "GW203",
        "wrong type",
        "The value is of another type than the field. Nothing is converted: 'yes' is text, not "
        "true, and 5.1 is a number, not text.",
        "enabled: yes",
        "enabled: true",
    ),
    Code(
        "GW204",
        "not an allowed value",
        "The field takes one of a few words, which the message lists.",
        "cis_level: level_3",
        "cis_level: level_2",
    ),
    Code(
        "GW205",
        "too small, too large, too short or too long",
        "The value is outside the field's bounds, which the message names.",
        "check_interval_minutes: 0",
        "check_interval_minutes: 60",
    ),
    Code(
        "GW206",
        "wrong form",
        "Ids, tags and machine ids have a fixed form: ids are lower-case letters, digits and "
        "dashes; machine ids are lower-case UUIDs.",
        "id: Office_Machines",
        "id: office-machines",
    ),
    Code(
        "GW207",
        "wrong date or time",
        "Times are a date (its 00:00:00Z) or RFC 3339 with an offset, so that they mean the same "
        "instant everywhere.",
        'expires_at: "31.12.2026"',
        "expires_at: 2026-12-31",
        "exception",
    ),
    Code(
        "GW208",
        "document needs an id",
        "The id defaults to the file's name only when the file holds one document and its name is a "
        "valid id.",
        "name: Office\ncis_level: level_1\ntarget_os: linux\n---\n"
        "name: Lab\ncis_level: level_1\ntarget_os: linux",
        "id: office\nname: Office\ncis_level: level_1\ntarget_os: linux\n---\n"
        "id: lab\nname: Lab\ncis_level: level_1\ntarget_os: linux",
        "file",
    ),
    Code(
        "GW210",
        "schedule missing",
        "A scheduled policy says when: a five-field cron expression.",
        "schedule_type: scheduled",
        'schedule_type: scheduled\nschedule: "0 6 * * MON"\ntimezone: Europe/Berlin',
    ),
    Code(
        "GW211",
        "field of another schedule type",
        "schedule and timezone belong to scheduled policies, check_interval_minutes to continuous "
        "ones. Left in place they would suggest something that does not happen.",
        'schedule_type: continuous\nschedule: "0 6 * * *"',
        'schedule_type: scheduled\nschedule: "0 6 * * *"',
    ),
    Code(
        "GW212",
        "wrong cron expression",
        "A schedule has five fields: minute, hour, day of month, month, day of week; names such as "
        "MON and JAN are allowed.",
        'schedule_type: scheduled\nschedule: "0 25 * * *"',
        'schedule_type: scheduled\nschedule: "0 5 * * *"',
    ),
    Code(
        "GW213",
        "unknown time zone",
        "Time zones are IANA names, such as Europe/Berlin.",
        'schedule_type: scheduled\nschedule: "0 5 * * *"\ntimezone: Berlin',
        'schedule_type: scheduled\nschedule: "0 5 * * *"\ntimezone: Europe/Berlin',
    ),
    Code(
        "GW214",
        "check_id or check_ids",
        "An exception names its checks by exactly one of check_id and check_ids.",
        "check_id: linux-firewall-on\ncheck_ids: [windows-firewall-on]",
        "check_ids: [linux-firewall-on, windows-firewall-on]",
        "exception",
    ),
    Code(
        "GW215",
        "selector does not fit the scope",
        "The scope says which one selector an exception carries: agent takes agent_uuid or "
        "agent_uuids, tag takes tag, policy takes policy_id, global takes none.",
        "scope: global\ntag: office",
        "scope: tag\ntag: office",
        "exception",
    ),
    Code(
        "GW216",
        "expectation does not fit the operator",
        "Comparing operators need expected_result as a mapping of columns to text; exists and "
        "not_exists take none. Without one an agent would always pass the check; "
        "with a single value in place of a mapping, never.",
        "comparison_operator: equals\nexpected_result: null",
        'comparison_operator: equals\nexpected_result: {state: "on"}',
        "check",
    ),
    Code(
        "GW217",
        "numeric comparison",
        "gte, lte, gt and lt compare exactly one column with a number; with two, agents compare "
        "whichever comes first.",
        'comparison_operator: gte\nexpected_result: {state: "on"}',
        'comparison_operator: gte\nexpected_result: {state: "14"}',
        "check",
    ),
    Code(
        "GW218",
        "unusual category",
        "The category is none of the eight that reports group by. Your own are allowed; check the "
        "spelling.",
        "category: firewal",
        "category: firewall",
        "check",
        "warning",
    ),
    Code(
        "GW219",
        "listed twice",
        "A list names the same thing twice. Remove one: a slip often hides another name that is missing.",
        "target_tags: [office, office]",
        "target_tags: [office]",
        level="warning",
    ),
    Code(
        "GW230",
        "query is not valid SQL",
        "The query was compiled, not run, by SQLite with osquery's tables, and does not compile.",
        "query: SELECT FROM alf",
        "query: SELECT global_state AS state FROM alf\nplatforms: [darwin]",
        "check",
    ),
    Code(
        "GW231",
        "unknown table",
        "osquery has no such table on any platform, so every machine would answer with an error. The "
        "message names the nearest.",
        "query: SELECT active_state AS state FROM systemd_unit",
        "query: SELECT active_state AS state FROM systemd_units",
        "check",
    ),
    Code(
        "GW232",
        "unknown column",
        "None of the tables that the query names has such a column.",
        "query: SELECT activ_state AS state FROM systemd_units",
        "query: SELECT active_state AS state FROM systemd_units",
        "check",
    ),
    Code(
        "GW233",
        "table missing on a platform",
        "The check claims a platform on which osquery does not have the table. There the check "
        "would always end in an error. Name the platforms that have it, and write "
        "another check for the rest.",
        "platforms: [linux, windows]\nquery: SELECT active_state AS state FROM systemd_units",
        "platforms: [linux]\nquery: SELECT active_state AS state FROM systemd_units",
        "check",
    ),
    Code(
        "GW234",
        "column missing on a platform",
        "The check claims a platform on which the table does not have the column. Name the platforms that "
        "have it, and write another check for the rest.",
        "platforms: [linux, windows]\nquery: SELECT file_version AS state FROM file "
        "WHERE path = '/x'",
        "platforms: [windows]\nquery: SELECT file_version AS state FROM file WHERE path = '/x'",
        "check",
    ),
    Code(
        "GW235",
        "required constraint missing",
        "Some tables answer only when the query says where to look: file needs path or directory in "
        "its WHERE clause. Without it they return no rows.",
        "query: SELECT mode AS state FROM file",
        "query: SELECT mode AS state FROM file WHERE path = '/etc/passwd'",
        "check",
    ),
    Code(
        "GW236",
        "expected column is not returned",
        "expected_result names a column that the query does not return, so the check could never "
        "pass.",
        "query: SELECT active_state FROM systemd_units",
        "query: SELECT active_state AS state FROM systemd_units",
        "check",
    ),
    Code(
        "GW237",
        "not one SELECT",
        "A query is a single SELECT. Agents run it with the rights to read the whole machine, so "
        "nothing else is let through.",
        "query: DELETE FROM users",
        "query: SELECT username AS state FROM users",
        "check",
    ),
    Code(
        "GW238",
        "double quotes around text",
        "In SQL double quotes name a column, single quotes make text. SQLite may silently take the "
        "one for the other; here it does not.",
        'query: SELECT active_state AS state FROM systemd_units WHERE id = "ufw.service"',
        "query: SELECT active_state AS state FROM systemd_units WHERE id = 'ufw.service'",
        "check",
    ),
)
