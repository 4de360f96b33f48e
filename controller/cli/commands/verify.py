"""``gitward verify``: look a data folder through, and name whatever is not as it was written."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from controller.cli import exit_codes
from controller.cli.options import format_option, option
from controller.cli.table import printable
from controller.errors import UsageError
from controller.model.integrity import AuditHead


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(
        parser, "--data", type=Path, default=Path(".gitward"), metavar="DIR", help="the data folder"
    )
    option(
        parser,
        "--audit-head",
        metavar="NUMBER:HASH",
        help="a head of the audit trail that was kept elsewhere: it must still be in the trail",
    )
    format_option(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Verify; 1 when anything is wrong."""
    from controller.bootstrap import examine

    kept = _head(options.audit_head)
    if not (options.data / "gitward.db").is_file():
        raise UsageError(f"there is no controller's data in {options.data}; name it with --data")
    found = examine(options.data, datetime.now(UTC), kept)
    if options.format == "json":
        print(json.dumps({**asdict(found), "sound": found.sound}, indent=2))
    else:
        for finding in found.findings:
            print(printable(f"{finding.area}: {finding.about}: {finding.message}"))
        for note in found.notes:
            print(printable(f"not compared: {note}"))
        rows = f"{found.audit_rows} audit rows, {found.machines} machines, {found.objects} objects"
        verdict = "sound" if found.sound else f"{len(found.findings)} findings"
        print(f"{rows}: {verdict}")
        if found.audit_head is not None:
            print(f"audit head {found.audit_head}")
    return exit_codes.OK if found.sound else exit_codes.PROBLEMS


def _head(text: str | None) -> AuditHead | None:
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,18}:[0-9a-f]{64}", text) is None:
        raise UsageError("--audit-head is NUMBER:HASH, as gitward verify printed it")
    number, _, digest = text.partition(":")
    return AuditHead(int(number), digest)
