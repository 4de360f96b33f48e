"""``gitward plan``: show what a merge would do, and with ``--server`` what it would do to the fleet."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from controller.cli import exit_codes
from controller.cli.access.opening import credential_options
from controller.cli.options import format_option, option
from controller.cli.review.comment_parts import LEAST, LIMITS
from controller.cli.review.plan_gate import gate, gate_options
from controller.cli.review.plan_markdown import plan_markdown
from controller.cli.review.plan_text import plan_text
from controller.errors import RemoteRefusedError, UsageError

if TYPE_CHECKING:
    from controller.cli.review.revisions import Side
    from controller.model.problem import Problem
    from controller.source.local import LocalRepository

_MOST_PROBLEMS: Final = 50
RENDERERS: Final[dict[str, Callable[[dict[str, Any], int], str]]] = {
    "text": lambda body, _: plan_text(body),
    "json": lambda body, _: json.dumps(body, indent=2),
    "markdown": lambda body, size: "\n".join(plan_markdown(body, size)).rstrip("\n"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(
        parser, "--repo", type=Path, default=Path(), metavar="DIR", help="a repository (default: .)"
    )
    option(parser, "--path", default=".", help="the documents' folder, from DIR (default: .)")
    option(
        parser,
        "--base",
        default="HEAD",
        metavar="REV",
        help="what is in force; compared from where the head left it (default: HEAD)",
    )
    option(
        parser,
        "--head",
        default=".",
        metavar="REV",
        help="what would be; . is the files as they are",
    )
    option(
        parser,
        "--server",
        metavar="URL",
        help="a controller that says what it does to its machines' scores; without a token the plan "
        "comes without that",
    )
    credential_options(parser)
    option(
        parser,
        "--source",
        metavar="NAME",
        help="the repository's name at a controller that has several",
    )
    option(parser, "--movers", type=_count, default=100, metavar="N", help="machines to name")
    option(parser, "--all", action="store_true", help="name every machine that changes")
    option(
        parser,
        "--part-size",
        type=_part_size,
        default=LIMITS["gitlab" if os.environ.get("GITLAB_CI") == "true" else "github"],
        metavar="N",
        help="characters in one comment of --format markdown (default: what the host takes that the "
        "job runs at, else 65536)",
    )
    gate_options(parser)
    format_option(parser, *RENDERERS)


def run(options: argparse.Namespace) -> int:
    """Print the plan; 0 no change (or the gate passes), 1 changes (or it does not), 3 no answer."""
    from controller.cli.review.revisions import changed_files, read_side
    from controller.config.load import is_document
    from controller.reconcile.review import nothing_declared
    from controller.source.local import LocalRepository

    as_of = datetime.now(UTC)
    repository = LocalRepository(options.repo, path=options.path, wanted=is_document)
    with closing(repository):
        fork = repository.merge_base(options.base, options.head)
        moved_on = fork != repository.resolve(options.base)
        if moved_on:
            _say(f"{options.base} has moved on; compared with {fork[:12]}, where the head left it")
        base = read_side(repository, fork if moved_on else options.base, as_of)
        head = read_side(repository, options.head, as_of)
        if head.errors or base.errors:
            _refuse(options.head, head.errors, "nothing of it would be applied")
            _refuse(
                options.base, base.errors, "it is not in force; name the last good one with --base"
            )
            return exit_codes.FAILED
        if nothing := nothing_declared(base.configuration, head.configuration):
            _refuse(options.head, [nothing], "there is nothing to compare")
            return exit_codes.FAILED
        body = _plan(options, base, head, changed_files(base, head), as_of)
        body["exceptions"] = _exceptions(repository, body, base, head, as_of)
    print(RENDERERS[options.format](body, options.part_size))
    if options.deny_weakening or options.max_newly_noncompliant is not None:
        return gate(body, options)
    changes = body["operations"] or body["settings"]
    return exit_codes.PROBLEMS if changes else exit_codes.OK


def _plan(
    options: argparse.Namespace,
    base: Side,
    head: Side,
    files: dict[str, str | None],
    as_of: datetime,
) -> dict[str, Any]:
    """The server's own plan where there is one, since it knows what is in force; else ours."""
    from controller.reconcile.review import compare, held_reason, plan_body

    if options.server and files:
        if options.token:
            body = _ask(options, files)
            if not base.revision.endswith(body["base"].rpartition(":")[2]):
                _say(f"in force is {body['base']}: the plan is against that, not {base.revision}")
            body["head"] = head.revision
            return body
        _say("no token (GITWARD_TOKEN): the plan comes without the fleet's data")
    made = compare(base.configuration, head.configuration, as_of=as_of)
    held = held_reason(made, base.configuration)
    return plan_body(
        made,
        base.configuration,
        head.configuration,
        base_revision=base.revision,
        head_revision=head.revision,
        held=held,
    )


def _ask(options: argparse.Namespace, files: dict[str, str | None]) -> dict[str, Any]:
    from controller.cli.access.remote import Remote

    movers = None if options.all else options.movers
    with Remote(options.server, options.token, options.ca_file) as remote:
        try:
            return remote.plan({"files": files, "movers": movers, "source": options.source})
        except RemoteRefusedError as error:
            for _, told in error.problems[:_MOST_PROBLEMS]:
                print(told, file=sys.stderr)
            raise


def _exceptions(
    repository: LocalRepository, body: dict[str, Any], base: Side, head: Side, as_of: datetime
) -> list[dict[str, Any]]:
    """What git knows of each exception that is added or changed."""
    from controller.cli.review.revisions import pasts_of
    from controller.reconcile.lineage import by_risk, lineage, lineage_body

    accepted = by_risk(base.configuration)
    waivers = head.configuration.waivers
    asked = {
        each["id"]: [
            path for path in (waivers[each["id"]].place.path, each["previous_path"]) if path
        ]
        for each in body["operations"]
        if each["kind"] == "exception" and each["op"] != "delete" and each["id"] in waivers
    }
    return [
        lineage_body(id_, lineage(waivers[id_].document, past, accepted, as_of=as_of))
        for id_, past in pasts_of(repository, head, asked).items()
    ]


def _refuse(revision: str, errors: list[Problem], so: str) -> None:
    """Name what is wrong: what cannot be read must not pass for something that is not there."""
    if not errors:
        return
    for problem in errors[:_MOST_PROBLEMS]:
        print(problem, file=sys.stderr)
    more = f" (the first {_MOST_PROBLEMS} are shown)" if len(errors) > _MOST_PROBLEMS else ""
    where = "the files as they are" if revision == "." else revision
    count = f"{len(errors)} problem{'s' if len(errors) > 1 else ''}"
    _say(f"{count} in {where}{more}; {so}")


def _say(message: str) -> None:
    print(f"gitward plan: {message}", file=sys.stderr)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise UsageError(f"--movers {text!r} is no number of machines from 0 to 999999")
    return int(text)


def _part_size(text: str) -> int:
    most = max(LIMITS.values())
    if not text.isascii() or not text.isdigit() or not LEAST <= int(text[:9]) <= most:
        raise UsageError(f"--part-size {text!r} is no number from {LEAST} to {most}")
    return int(text)
