import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from leakdrill.attacks import ATTACKS
from leakdrill.datasets import DATASETS
from leakdrill.defences import DEFENCES
from leakdrill.defences.release import RELEASE_DEFENCES
from leakdrill.defences.training import TRAINING_DEFENCES
from leakdrill.errors import NotFound
from leakdrill.results import Results
from leakdrill.runs import papers
from leakdrill.runs.cite import cite
from leakdrill.scenario.loading import load_scenario


def test_every_attack_defence_and_data_set_says_which_papers_stand_behind_it() -> None:
    assert set(papers.ATTACKS) == set(ATTACKS)
    assert set(papers.DEFENCES) == {*DEFENCES, *TRAINING_DEFENCES, *RELEASE_DEFENCES}
    assert set(papers.DATASETS) == set(DATASETS)
    assert all([*papers.ATTACKS.values(), *papers.DEFENCES.values()])


def test_every_paper_named_is_in_the_bibliography_and_every_one_there_is_named() -> None:
    kinds = (papers.ATTACKS, papers.DEFENCES, papers.DATASETS)
    named = {key for of_kind in kinds for keys in of_kind.values() for key in keys}
    assert named == set(papers.bibliography())


@pytest.mark.parametrize("key", sorted(papers.bibliography()))
def test_an_entry_is_whole(key: str) -> None:
    entry = papers.bibliography()[key]
    assert re.match(r"@(inproceedings|incollection|article|misc|techreport)\{" + key + ",\n", entry)
    assert entry.count("{") == entry.count("}")
    for field in ("author", "title", "year"):
        assert re.search(rf"\n  {field} = \{{.+\}},?\n", entry), field
    assert re.search(r"year = \{(\d{4})\}", entry)[1] in key  # type: ignore[index]


def test_a_run_is_cited_with_versions_hashes_and_the_papers_behind_what_ran(finished: Path) -> None:
    text = cite(finished)
    assert re.findall(r"^@\w+\{(.+),$", text, re.M) == [
        "leakdrill",
        "leakdrill-run",
        "hidano2021",
        "shokri2017",
        "yeom2018",
    ]
    assert "torch 2.14.1" in text
    assert f"split SHA-256 {hashlib.sha256(b'5ecret').hexdigest()}" in text
    assert "5ecret" not in text
    assert "data SHA-256 unknown" in text


def test_the_data_sets_of_both_companies_are_cited(finished: Path, results: Results) -> None:
    scenario = load_scenario("quickstart").scenario.model_dump(mode="json")
    data = scenario["data"]
    data["dataset"] = {"set": "adult"}
    assert data["target"]
    data["target"]["dataset"] = {"set": "lfw"}
    (finished / "results.json").write_text(results.model_copy(update={"scenario": scenario}).model_dump_json())
    keys = re.findall(r"^@\w+\{(.+),$", cite(finished), re.M)
    assert {"becker1996", "huang2007", "huang2012"} <= set(keys)


def test_what_tex_would_take_for_a_command_is_escaped(finished: Path, results: Results) -> None:
    question = r"50% of A_B & C\D {E} #1 $2 ~^?"
    changed = results.model_copy(update={"scenario": results.scenario | {"question": question}})
    (finished / "results.json").write_text(changed.model_dump_json())
    title = r"title = {{50\% of A\_B \& C\textbackslash{}D \{E\} \#1 \$2 \textasciitilde{}\textasciicircum{}?}},"
    assert title in cite(finished)


def test_an_attack_of_a_plug_in_is_named_as_one_without_a_paper(finished: Path, results: Results) -> None:
    own = results.attacks[0].model_copy(update={"kind": "my_own"})
    (finished / "results.json").write_text(results.model_copy(update={"attacks": [own]}).model_dump_json())
    assert "% attack my_own: no paper is known to leakdrill" in cite(finished)


def test_a_grid_is_one_run_of_several_drills(grid: Path) -> None:
    assert "; 2 drills}" in cite(grid)


def test_a_run_without_its_truth_is_cited_without_its_split(finished: Path) -> None:
    (finished / "truth" / "split_key").unlink()
    assert "split SHA-256 unknown" in cite(finished)


def test_what_is_no_run_is_not_cited(tmp_path: Path, write_run: Callable[..., Path]) -> None:
    with pytest.raises(NotFound):
        cite(tmp_path)
