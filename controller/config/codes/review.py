"""GW4xx: what reviewed exceptions owe their reviewers. Pure."""

from __future__ import annotations

from typing import Final

from controller.config.codes.entry import Code

REVIEW: Final = (
    Code(
        "GW401",
        "no end",
        "An exception ends. gitward.yaml can relax this with exceptions.require_expiry: false.",
        "expires_at: null",
        "expires_at: 2026-12-31",
        "exception",
    ),
    Code(
        "GW402",
        "ends before it starts",
        "The exception is in force from starts_at up to, but not including, expires_at.",
        "starts_at: 2026-09-01\nexpires_at: 2026-08-01",
        "starts_at: 2026-08-01\nexpires_at: 2026-09-01",
        "exception",
    ),
    Code(
        "GW403",
        "lasts too long",
        "The span is longer than exceptions.max_days in gitward.yaml. It counts from starts_at, "
        "otherwise from when the exception was first applied (offline: from --as-of).",
        "starts_at: 2026-08-01\nexpires_at: 2029-08-01",
        "starts_at: 2026-08-01\nexpires_at: 2027-08-01",
        "exception",
    ),
    Code(
        "GW404",
        "has ended",
        "The exception is no longer in force. It stays valid input for 30 days; then its document "
        "should go.",
        "expires_at: 2026-06-20",
        "expires_at: 2026-12-31",
        "exception",
        "warning",
        clock=True,
    ),
    Code(
        "GW405",
        "ended long ago",
        "The exception ended more than 30 days ago. Delete its document: git keeps the history. The "
        "controller only warns, so that a forgotten file never blocks later commits.",
        "expires_at: 2026-01-31",
        "expires_at: 2026-12-31",
        "exception",
        clock=True,
    ),
    Code(
        "GW406",
        "no owner",
        "gitward.yaml demands an owner (exceptions.require_owner).",
        "ticket: SEC-1",
        "owner: netops@example.com",
        "exception",
    ),
    Code(
        "GW407",
        "no ticket",
        "gitward.yaml demands a ticket (exceptions.require_ticket).",
        "owner: netops@example.com",
        "ticket: SEC-1",
        "exception",
    ),
    Code(
        "GW408",
        "approved by its requester",
        "Whoever asks for an exception cannot approve it.",
        "requested_by: ann@example.com\napproved_by: [ann@example.com]",
        "requested_by: ann@example.com\napproved_by: [bob@example.com]",
        "exception",
    ),
)
