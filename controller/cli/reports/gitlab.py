"""GitLab's code quality report, shown in the merge request. Pure."""

from __future__ import annotations

import json

from controller.cli.reports.outcome import Outcome, sentence


def render(outcome: Outcome) -> str:
    """An array of remarks; empty when there is nothing to say."""
    return json.dumps(
        [
            {
                "description": sentence(problem),
                "check_name": problem.code,
                "fingerprint": fingerprint,
                "severity": "major" if outcome.counts(problem) else "minor",
                "location": {
                    "path": outcome.path(problem),
                    "lines": {"begin": max(problem.line, 1)},
                },
            }
            for problem, fingerprint in outcome.fingerprinted()
        ],
        indent=2,
    )
