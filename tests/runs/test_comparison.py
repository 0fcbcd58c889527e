import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leakdrill.errors import InvalidInput, NotFound
from leakdrill.metrics import Judged, attack_result
from leakdrill.referee.truth import Truth
from leakdrill.results import Results
from leakdrill.runs.comparison import compare
from leakdrill.runs.scored import scores_path

WriteRun = Callable[..., Path]

NUM = 600
TRUTH = Truth(np.arange(NUM) % 2 == 0, np.arange(NUM) % 10)
SAME = {"data_sha256": "5a3e"}


def scores(shift: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=NUM) + shift * TRUTH.is_member


@pytest.fixture
def write(tmp_path: Path, results: Results, write_run: WriteRun) -> Callable[..., Path]:
    """The folder of a run of attacks with these scores, on the challenge above."""

    def write(name: str, attacks: dict[str, np.ndarray], abstained: int = 0, **changes: object) -> Path:
        run_dir, found = write_run(tmp_path / name), []
        (run_dir / "scores").mkdir()
        is_silent = np.arange(NUM) < abstained
        for attack, given in attacks.items():
            arrays = {"scores": given, "decisions": given > 0.5, "abstained": is_silent}
            np.savez(scores_path(run_dir, attack, 0), **arrays)  # type: ignore[arg-type]
            judged = Judged(given[None], given[None] > 0.5, TRUTH.is_member, TRUTH.labels)
            judged = judged.take(np.flatnonzero(~is_silent))
            about = {"kind": "gap", "goal": "membership", "on": "cbig/source", "queries": {"cbig/source": NUM}}
            found.append(attack_result(judged, name=attack, notes={}, seconds=0.0, **about))  # type: ignore[arg-type]
        TRUTH.save(run_dir / "truth")
        changed = results.model_copy(update={"attacks": found, "environment": SAME, **changes})
        (run_dir / "results.json").write_text(changed.model_dump_json())
        return run_dir

    return write


def test_on_the_same_examples_a_small_change_is_seen_that_other_examples_would_hide(
    write: Callable[..., Path],
) -> None:
    old = write("old", {"gap": scores(0.5)})
    new = write("new", {"gap": scores(0.6)})
    elsewhere = write("elsewhere", {"gap": scores(0.6)}, environment={"data_sha256": "another"})
    paired, independent = compare(old, new), compare(old, elsewhere)
    assert (paired.attacks[0].is_paired, independent.attacks[0].is_paired) == (True, False)
    assert paired.attacks[0].is_worse
    assert not independent.attacks[0].is_worse
    assert paired.attacks[0].auc.difference.value == pytest.approx(independent.attacks[0].auc.difference.value)
    assert "split_key" in (independent.attacks[0].unpaired_because or "")


def test_a_run_beside_itself_has_not_changed(write: Callable[..., Path]) -> None:
    run = write("run", {"gap": scores(0.5), "lira": scores(1.0, seed=1)})
    for attack in compare(run, run).attacks:
        assert (attack.auc.difference.low, attack.auc.difference.high) == (0, 0)
        assert not attack.is_worse


def test_attacks_that_spoke_of_different_examples_are_compared_on_what_both_spoke_of(
    write: Callable[..., Path],
) -> None:
    old, new = write("old", {"gap": scores(0.5)}), write("new", {"gap": scores(0.5)}, abstained=200)
    (attack,) = compare(old, new).attacks
    assert attack.auc.old.value != attack.auc.new.value
    assert attack.auc.difference.value == 0


def test_with_more_attacks_the_intervals_are_wider(write: Callable[..., Path]) -> None:
    few = [write(f"few{i}", {"gap": scores(0.5 + i, seed=i)}) for i in range(2)]
    many = [write(f"many{i}", {f"gap{n or ''}": scores(0.5 + i, seed=i) for n in range(4)}) for i in range(2)]
    alone, among_four = (compare(*runs).attacks[0].auc.difference for runs in (few, many))
    ratio = (among_four.high - among_four.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(2.498 / 1.960, abs=0.001)  # normal quantiles of 1 - 0.025 / 4 and 1 - 0.025


def test_without_the_truth_the_intervals_are_independent_and_it_says_why(write: Callable[..., Path]) -> None:
    old, new = write("old", {"gap": scores(0.5)}), write("new", {"gap": scores(0.6)})
    (new / "truth" / "challenge.npz").unlink()
    (attack,) = compare(old, new).attacks
    assert not attack.is_paired
    assert "without its truth" in (attack.unpaired_because or "")


def test_an_attack_is_paired_by_all_of_its_repeats_or_not_at_all(write: Callable[..., Path], results: Results) -> None:
    """The values beside the difference are of all repeats."""
    twice = {"scenario": results.scenario | {"repeats": 2}}
    runs = [write(name, {"gap": scores(0.5), "lira": scores(1.0)}, **twice) for name in ("old", "new")]
    for run in runs:
        shutil.copy(run / "scores" / "lira-0.npz", run / "scores" / "lira-1.npz")
    shutil.copy(runs[0] / "scores" / "gap-0.npz", runs[0] / "scores" / "gap-1.npz")
    gap, lira = compare(*runs).attacks
    assert (gap.is_paired, lira.is_paired) == (False, True)
    assert f"{runs[1] / 'scores' / 'gap-1.npz'} is not there" in (gap.unpaired_because or "")
    assert lira.unpaired_because is None


def test_an_attack_on_an_attribute_is_not_paired(write: Callable[..., Path]) -> None:
    runs = [write(name, {"gap": scores(0.5), "gender": scores(0.5)}) for name in ("old", "new")]
    for run in runs:
        text = (run / "results.json").read_text()
        before, name, after = text.partition('"name":"gender"')
        after = after.replace('"goal":"membership"', '"goal":"attribute"', 1)
        (run / "results.json").write_text(before + name + after)
    gap, gender = compare(*runs).attacks
    assert (gap.is_paired, gender.is_paired) == (True, False)
    assert "about an attribute" in (gender.unpaired_because or "")


@pytest.mark.parametrize("place", ["scores/gap-0.npz", "truth/challenge.npz"])
def test_a_file_that_is_cut_off_is_named(write: Callable[..., Path], place: str) -> None:
    old, new = write("old", {"gap": scores(0.5)}), write("new", {"gap": scores(0.6)})
    whole = (new / place).read_bytes()
    (new / place).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match=f"{place} is cut off"):
        compare(old, new)
    (new / place).write_bytes(whole[:200] + bytes(100) + whole[300:])
    with pytest.raises(InvalidInput, match=f"{place} is damaged, or of another run"):
        compare(old, new)


def test_models_queries_and_what_only_one_run_has_are_named(write: Callable[..., Path]) -> None:
    old, new = write("old", {"gap": scores(0.5), "a": scores(1)}), write("new", {"gap": scores(0.6), "b": scores(1)})
    found = compare(old, new)
    assert (found.only_old, found.only_new) == (("a",), ("b",))
    assert [model.name for model in found.models] == ["source"]
    assert found.models[0].test_accuracy.difference.value == 0
    assert (found.attacks[0].old_queries, found.attacks[0].new_queries) == (NUM, NUM)


def test_runs_that_cannot_be_compared_say_why(write: Callable[..., Path], tmp_path: Path, grid: Path) -> None:
    run = write("run", {"gap": scores(0.5)})
    with pytest.raises(InvalidInput, match=r"no attack is in both: .* has gap, .* has lira"):
        compare(run, write("other", {"lira": scores(0.5)}))
    with pytest.raises(NotFound, match="no run began there"):
        compare(run, tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match=r"is a grid of 2 finished cells: name one of them"):
        compare(run, grid)
    with pytest.raises(InvalidInput, match=r"broke before its end \(cbig fell silent\)"):
        compare(run, write("broken", {"gap": scores(0.5)}, verdict="broken", error="cbig fell silent"))
    people, lines = write("people", {"gap": scores(0.5)}), '"goal":"membership"'
    (people / "results.json").write_text((people / "results.json").read_text().replace(lines, '"goal":"identity"'))
    with pytest.raises(InvalidInput, match="'gap' has goal 'membership' in OLD and 'identity' in NEW"):
        compare(run, people)
