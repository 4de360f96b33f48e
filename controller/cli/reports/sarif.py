"""SARIF 2.1.0, for code scanning at GitHub and others. Pure."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from controller import __version__
from controller.cli.reports.outcome import Outcome, sentence
from controller.config.codes import CODES
from controller.model.problem import Problem

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def render(outcome: Outcome) -> str:
    """One run with a rule for every code that occurs."""
    codes = sorted({problem.code for problem in outcome.problems})
    index = {code: number for number, code in enumerate(codes)}
    run = {
        "tool": {
            "driver": {
                "name": "gitward",
                "semanticVersion": __version__,
                "rules": [_rule(code) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "Where gitward validate ran."}}},
        "results": [
            _result(outcome, problem, index[problem.code], fingerprint)
            for problem, fingerprint in outcome.fingerprinted()
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, Any]:
    known = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": known.explanation},
        "help": {"text": f"Wrong:\n{known.wrong}\n\nRight:\n{known.right}"},
        "defaultConfiguration": {"level": known.level},
    }


def _result(outcome: Outcome, problem: Problem, rule: int, fingerprint: str) -> dict[str, Any]:
    uri = quote(outcome.path(problem), errors="replace")
    place: dict[str, Any] = {"artifactLocation": {"uri": uri, "uriBaseId": "ROOT"}}
    if problem.line:
        place["region"] = {"startLine": problem.line, "startColumn": max(problem.column, 1)}
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": "error" if outcome.counts(problem) else "warning",
        "message": {"text": sentence(problem).encode("utf-8", "replace").decode()},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"gitward/v1": fingerprint},
    }
