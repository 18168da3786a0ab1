"""Structured logs on stderr: text on a terminal, JSON elsewhere."""

import logging
import sys

import structlog


def setup(level: str, format: str, process: str) -> None:
    """Send every log line of this process to stderr.

    Args:
        level: The least important level that is shown: debug, info, warning or error.
        format: `console`, `json`, or `auto`: console on a terminal, JSON elsewhere.
        process: The name that every line carries.
    """
    console = format == "console" or (format == "auto" and sys.stderr.isatty())
    shape = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
            structlog.processors.StackInfoRenderer(),
            *([] if console else [structlog.processors.format_exc_info]),
            shape,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(process=process)
