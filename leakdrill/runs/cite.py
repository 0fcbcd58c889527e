"""BibTeX of a run: leakdrill as it was, what the run was made of, and the papers behind all that ran in it."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from leakdrill.errors import NotFound
from leakdrill.results import Results
from leakdrill.runs import papers
from leakdrill.runs.reading import finished_drills, recorded_settings, recorded_split_key
from leakdrill.runs.rows import datasets_of

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "{": r"\{",
    "}": r"\}",
} | {each: f"\\{each}" for each in "%&_#$"}


def cite(run_dir: Path) -> str:
    """Entries for the software, the run, and the papers. Raises NotFound for a folder without a finished run."""
    finished = [results for _, results in finished_drills(run_dir)]
    keys, unknown = _papers(finished)
    known = papers.bibliography()
    remarks = [f"% {what}: no paper is known to leakdrill" for what in unknown]
    entries = [_software(finished[0]), _run(run_dir, finished), *(known[key] for key in keys)]
    return "\n\n".join([*entries, *remarks])


def _software(results: Results) -> str:
    versions = results.environment.get("versions", {})
    others = ", ".join(f"{name} {version}" for name, version in versions.items() if name != "leakdrill")
    return _entry(
        "software",
        "leakdrill",
        author="{leakdrill contributors}",
        title="{leakdrill}: a simulated multi-party testbed for privacy attacks on transfer learning",
        version=_escaped(versions.get("leakdrill", "unknown")),
        note=_escaped(f"commit {results.environment.get('commit') or 'unknown'}; {others}"),
    )


def _run(run_dir: Path, finished: list[Results]) -> str:
    name = run_dir.resolve().name
    data = dict.fromkeys(str(results.environment.get("data_sha256", "unknown")) for results in finished)
    hashes = {
        "scenario SHA-256": _digest(recorded_settings(run_dir)),
        "data SHA-256": ", ".join(data),
        "split SHA-256": _split(run_dir),  # of a secret: it tells a later reader that this is the split, not who is in
    }
    facts = [*(f"{what} {value}" for what, value in hashes.items())]
    facts.append(f"{len(finished)} drills" if len(finished) > 1 else f"verdict: {finished[0].verdict}")
    return _entry(
        "misc",
        "leakdrill-" + re.sub(r"[^A-Za-z0-9-]+", "-", name),
        title="{" + _escaped(str(finished[0].scenario["question"])) + "}",
        howpublished=f"A drill of leakdrill, run {_escaped(name)}",
        note=_escaped("; ".join(facts)),
    )


def _papers(finished: Iterable[Results]) -> tuple[list[str], list[str]]:
    """Keys of the papers behind what ran, each once and in that order, and what has none, as a plug-in may."""
    ran: dict[tuple[str, str], tuple[str, ...] | None] = {}
    for results in finished:
        for attack in results.attacks:
            ran["attack", attack.kind] = papers.ATTACKS.get(attack.kind)
        for defence in results.defences:
            ran["defence", defence.kind] = papers.DEFENCES.get(defence.kind)
        for dataset in datasets_of(results):
            ran["data set", dataset] = papers.DATASETS.get(dataset)
    keys = dict.fromkeys(key for found in ran.values() for key in found or ())
    return list(keys), [f"{what} {kind}" for (what, kind), found in ran.items() if found is None]


def _split(run_dir: Path) -> str:
    try:
        return hashlib.sha256(recorded_split_key(run_dir).encode()).hexdigest()
    except NotFound:
        return "unknown"


def _digest(mapping: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(mapping, sort_keys=True).encode()).hexdigest()


def _entry(kind: str, key: str, **fields: str) -> str:
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@{kind}{{{key},\n{lines}\n}}"


def _escaped(text: str) -> str:
    """What TeX would take for a command."""
    return "".join(_ESCAPED.get(each, each) for each in " ".join(text.split()))
