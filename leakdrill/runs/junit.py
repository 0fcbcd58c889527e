"""Expectations as JUnit XML, which every CI system shows: a test case for each, a suite for each drill.

What does not hold is a failure, and so is what is undecided, of a type of its own: CI must not take for granted what
nobody has shown. A drill that broke, and a cell of a grid that was not played, is an error in each expectation.
"""

import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from leakdrill.errors import InvalidInput
from leakdrill.referee.deciding import in_words
from leakdrill.results import ExpectationResult, Results
from leakdrill.runs.reading import CELLS, finished_drills, recorded_sweep

#: Characters that XML 1.0 cannot hold, however they are written.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
KINDS = ("failure", "error")
PLAYED = "the drill is played to its end"


def prepare(path: Path) -> None:
    """Before a run: make room for the file, and remove an old one, which must not speak for a run that broke.

    Raises InvalidInput where no file can be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(f"--junit {path}: no file can be written there: {error.strerror}") from error


def write_junit(run_dir: Path, path: Path, cells: Collection[str] | None = None) -> None:
    """The finished run's expectations, to `path`; of a grid, those of the cells of these names, or of all.

    Raises NotFound when nothing is finished.
    """
    prepare(path)
    ElementTree.ElementTree(junit(run_dir, cells)).write(path, encoding="utf-8", xml_declaration=True)


def junit(run_dir: Path, cells: Collection[str] | None = None) -> ElementTree.Element:
    finished = dict(finished_drills(run_dir))
    expected = {run_dir / CELLS / cell.name: cell.scenario.get("expect", []) for cell in recorded_sweep(run_dir).cells}
    root = ElementTree.Element("testsuites", name=_text(run_dir.resolve().name))
    for folder in dict.fromkeys([*finished, *expected]):
        if cells is not None and folder.name not in cells:
            continue
        name = run_dir.resolve().name if folder == run_dir else folder.name
        if (results := finished.get(folder)) is None:
            claims = [str(each["claim"]) for each in expected[folder]]
            cases, seconds = list(_errors(claims, "not played", f"leakdrill resume {run_dir}")), 0.0
        else:
            cases, seconds = list(_cases(results)), math.fsum(results.seconds.values())
        root.append(_suite(name, cases, seconds))
    _count(root, root.iter("testcase"))
    return root


def _suite(name: str, cases: list[ElementTree.Element], seconds: float) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=_text(name), time=f"{seconds:.3f}")
    for case in cases:
        case.set("classname", _text(name))
        suite.append(case)
    _count(suite, iter(cases))
    return suite


def _count(element: ElementTree.Element, cases: Iterator[ElementTree.Element]) -> None:
    of = list(cases)
    counts = {"tests": len(of)} | {f"{kind}s": sum(case.find(kind) is not None for case in of) for kind in KINDS}
    for name, count in counts.items():
        element.set(name, str(count))


def _cases(results: Results) -> Iterator[ElementTree.Element]:
    if results.verdict == "broken":
        claims = [str(each["claim"]) for each in results.scenario.get("expect", [])]
        yield from _errors(claims, "broken", results.error or "the drill could not be played to its end")
    elif not results.expectations:
        yield ElementTree.Element("testcase", name=PLAYED)
    else:
        yield from map(_case, results.expectations)


def _errors(claims: list[str], kind: str, message: str) -> Iterator[ElementTree.Element]:
    for claim in claims or [PLAYED]:
        case = ElementTree.Element("testcase", name=_text(claim))
        ElementTree.SubElement(case, "error", type=kind, message=_text(message))
        yield case


def _case(expectation: ExpectationResult) -> ElementTree.Element:
    case = ElementTree.Element("testcase", name=_text(expectation.claim))
    numbers = "\n".join([expectation.that, *(f"{name} = {_shown(got)}" for name, got in expectation.got.items())])
    if expectation.outcome == "holds":
        ElementTree.SubElement(case, "system-out").text = _text(numbers)
        return case
    message = f"{expectation.outcome}: {expectation.that}"
    if expectation.deciding:
        message = f"{message}; {in_words(expectation.deciding)}"
    failure = ElementTree.SubElement(case, "failure", type=expectation.outcome, message=_text(message))
    failure.text = _text(numbers)
    return case


def _shown(got: Any) -> str:
    if isinstance(got, dict) and {"value", "low", "high"} <= got.keys():
        return f"{got['value']:.4f} [{got['low']:.4f}, {got['high']:.4f}]"
    return "undefined" if got is None else str(got)


def _text(text: str) -> str:
    """ElementTree escapes what it can, and writes the rest as it is, which no reader takes."""
    return _NO_XML.sub("\ufffd", text)
