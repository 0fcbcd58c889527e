import json
import subprocess
import sys
from typing import Any

from leakdrill.logs import readable

PARTY = """
import logging, threading, warnings
from leakdrill import logs

logs.to_stderr("cbig")
log = logging.getLogger("leakdrill.parties.party")
log.info("dealt %d examples", 30)
logs.carry_drill("drill-1")
logging.getLogger("someone.else").warning("two\\nlines")
warnings.warn("this is old", DeprecationWarning, stacklevel=1)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("bug in %s", "Train")
thread = threading.Thread(target=lambda: [][0])
thread.start()
thread.join()
raise RuntimeError("the end")
"""


def lines() -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-W", "always", "-c", PARTY], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_whatever_a_party_logs_is_a_json_line_with_its_drill() -> None:
    first, other, warning, bug, thread, end = lines()
    assert (first["level"], first["logger"], first["message"]) == (
        "INFO",
        "leakdrill.parties.party",
        "dealt 30 examples",
    )
    assert [line["party"] for line in (first, end)] == ["cbig", "cbig"]
    assert [line["drill"] for line in (first, other, warning, bug, thread, end)] == ["", *["drill-1"] * 5]
    assert other["message"] == "two\nlines"
    assert "this is old" in warning["message"]
    assert "ZeroDivisionError" in bug["exception"]
    assert "IndexError" in thread["exception"]
    assert "RuntimeError: the end" in end["exception"]


def test_a_line_is_readable_for_people() -> None:
    line = {"time": "12:00", "level": "ERROR", "logger": "a.b", "party": "cbig", "drill": "x", "message": "it broke"}
    assert readable(json.dumps(line)) == "12:00 ERROR a.b it broke"
    assert (
        readable(json.dumps(line | {"exception": "Traceback\n  why"})) == "12:00 ERROR a.b it broke\nTraceback\n  why"
    )


def test_a_line_that_a_party_did_not_format_is_left_as_it_is() -> None:
    for line in ("E0000 native code speaks", '{"seq": 1}', "[1, 2]", "3", "", '{"torn'):
        assert readable(line) == line
