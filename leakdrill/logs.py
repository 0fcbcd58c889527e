"""A party's log: one JSON line for each record, third parties' and warnings too, with the drill's id on all of them.

    {"time": "...", "level": "INFO", "logger": "leakdrill.parties.party", "party": "cbig", "drill": "quickstart-...",
     "message": "...", "exception": "Traceback ..."}

What native code writes to standard error by itself passes this by; `readable` leaves such lines as they are.
"""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType

log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """Formats records as JSON lines of `party`, and of `drill` once it has begun."""

    def __init__(self, party: str) -> None:
        super().__init__()
        self.party = party
        self.drill = ""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            "party": self.party,
            "drill": self.drill,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def to_stderr(party: str) -> None:
    """From now on this process, which is `party`, logs JSON lines, and so does whatever ends it or a thread of it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(party))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda uncaught: _log_uncaught(
        uncaught.exc_type, uncaught.exc_value or uncaught.exc_type(), uncaught.exc_traceback
    )


def carry_drill(drill: str) -> None:
    """From now on, every line carries this drill's id."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonLines):
            handler.formatter.drill = drill


def readable(line: str) -> str:
    """A line of such a log as people read it; any other line as it is."""
    try:
        record = json.loads(line)
        head = " ".join(str(record[name]) for name in ("time", "level", "logger", "message"))
    except (json.JSONDecodeError, KeyError, TypeError):
        return line
    return "\n".join([head, record["exception"]]) if "exception" in record else head


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("uncaught %s", kind.__name__, exc_info=(kind, error, trace))
