"""Logs: one line an event on standard error, as text for people or JSON for programs."""

from __future__ import annotations

import logging
import os
import sys

import structlog
from structlog.typing import Processor


def log_to_stderr() -> None:
    """Send everything that is logged to standard error.

    ``GITWARD_LOG_FORMAT=json`` gives one JSON object a line; ``GITWARD_LOG_LEVEL`` is the least level
    that is shown (default: warning on a terminal, where progress is told otherwise, else info).
    """
    default = "WARNING" if sys.stderr.isatty() else "INFO"
    level = logging.getLevelName(os.environ.get("GITWARD_LOG_LEVEL", default).upper())
    level = level if isinstance(level, int) else logging.INFO
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    as_json = os.environ.get("GITWARD_LOG_FORMAT") == "json"
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=True)
        if as_json
        else structlog.processors.LogfmtRenderer(bool_as_flag=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
