"""GW3xx: what documents must be to each other. Pure."""

from __future__ import annotations

from typing import Final

from controller.config.codes.entry import Code

REFERENCES: Final = (
    Code(
        "GW301",
        "duplicate id",
        "Two documents of one kind carry the same id. The id is a document's identity; there is no "
        "order in which one of the two could win.",
        "id: baseline   # another policy has it",
        "id: office",
    ),
    Code(
        "GW302",
        "ids that look alike",
        "Two ids differ only by letter case or Unicode form, so that people take one for the other. "
        "Rename one.",
        "id: Baseline   # another policy is baseline",
        "id: office",
    ),
    Code(
        "GW303",
        "duplicate policy name",
        "Policies are listed by name; two that read the same cannot be told apart.",
        "name: Baseline   # another policy is called so",
        "name: Office",
    ),
    Code(
        "GW304",
        "unknown check",
        "No check has this id. Documents in git refer to checks declared in git, and to built-in "
        "ones when gitward.yaml says builtin_checks: true.",
        "include_checks: [linux-firewal-on]",
        "include_checks: [linux-firewall-on]",
    ),
    Code(
        "GW305",
        "unknown policy",
        "No policy in this repository has this id. A policy that was made through the API cannot be meant: "
        "export it to git first (gitward export).",
        "scope: policy\npolicy_id: basline",
        "scope: policy\npolicy_id: baseline",
        "exception",
    ),
    Code(
        "GW306",
        "policy selects no check",
        "Nothing is left after level, include_checks and exclude_checks. Such a policy scores "
        "nothing and looks as if it protected something. Leave out less, or remove it.",
        'exclude_checks: ["*"]',
        'exclude_checks: ["windows-*"]',
    ),
    Code(
        "GW307",
        "pattern matches no check",
        "The pattern of include_checks or exclude_checks matches no check there is, so it has no effect. "
        "Correct it, or remove it.",
        'exclude_checks: ["mac-*"]   # no check begins with mac-',
        'exclude_checks: ["windows-*"]',
        level="warning",
    ),
    Code(
        "GW308",
        "check does not fit the policy",
        "The check exists, but its level or platforms are not the policy's, or exclude_checks takes "
        "it out; naming it has no effect.",
        "target_os: linux\nseverity_overrides: {windows-firewall-on: critical}",
        "target_os: linux\nseverity_overrides: {linux-firewall-on: critical}",
        level="warning",
    ),
    Code(
        "GW310",
        "exception for a check that no policy runs",
        "No policy that the exception reaches selects the check, so the exception excuses nothing. "
        "Correct the check's id or the scope, or remove the exception.",
        "check_id: linux-audit-on   # of level_2, and the only policy is of level_1",
        "check_id: linux-firewall-on",
        "exception",
    ),
    Code(
        "GW311",
        "policy that no platform can satisfy",
        "Checks are left after level, include_checks and exclude_checks, but none of them runs on "
        "the policy's target_os. Correct target_os, or include checks of that platform.",
        'target_os: darwin\ninclude_checks: ["linux-*"]',
        'target_os: linux\ninclude_checks: ["linux-*"]',
    ),
    Code(
        "GW312",
        "exception wider than its twin",
        "Another exception for the same check at the same time is contained in this one. Either the "
        "narrow one is not needed, or this one is wider than was meant.",
        "check_id: linux-firewall-on\nscope: global\n---\nid: twin\n"
        "check_id: linux-firewall-on\nscope: tag\ntag: lab\n"
        "reason: Replaced in January by the new model.\nexpires_at: 2026-12-31",
        "check_id: linux-firewall-on\nscope: tag\ntag: lab",
        "exception",
        "warning",
    ),
    Code(
        "GW313",
        "threshold that cannot be met",
        "Some of the policy's checks cannot be answered by SlimRMM's agents (see GW501 to GW505), "
        "and an error counts against the score. Even a machine where all others pass stays below "
        "the threshold. Lower it, leave these checks out, or set error_handling: exclude.",
        "include_checks: [windows-rdp-off, windows-firewall-on]\npassing_score_threshold: 90",
        "include_checks: [windows-rdp-off, windows-firewall-on]\nerror_handling: exclude",
        level="warning",
    ),
)
