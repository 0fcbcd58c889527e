"""Forks of real runs: what a --set changes comes out differently, and nothing else does."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from small import SMALL, small

from leakdrill.errors import InvalidInput, NotFound
from leakdrill.referee.compare import differences
from leakdrill.referee.drill import Drill
from leakdrill.referee.forking import beside, first_change, make_fork, plan_fork
from leakdrill.referee.journal import Journal
from leakdrill.referee.local import LocalParties
from leakdrill.results import Results
from leakdrill.runs.reading import is_run
from leakdrill.scenario.loading import validate
from leakdrill.scenario.overrides import apply_overrides, as_written, parse_overrides
from leakdrill.scenario.schema import Scenario

BEFORE = {
    "name": "before", "kind": "transmia", "shadow": "baseline", "num_shadows": 2, "shadow_size": 40,
    "fit": {"epochs": 1},
}  # fmt: skip
AFTER = SMALL["timeline"][5]["attack"] | {"tuning_queries": 210}  # all that it holds: it announces no more
SCENARIO = small(
    cbig={"source_model": {"arch": {"kind": "small_cnn", "width": 8}, "fit": {"epochs": 2, "batch_size": 32}}},
    timeline=[*SMALL["timeline"][:4], {"attack": BEFORE}, SMALL["timeline"][4], {"attack": AFTER}],
)


def changed(*settings: str) -> Scenario:
    return validate(apply_overrides(as_written(SCENARIO), parse_overrides(settings), "--set"), "--set")


@pytest.fixture(scope="module")
def origin(parties: LocalParties, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("runs") / "origin"
    with Drill(SCENARIO, out=where, parties=parties) as drill:
        assert drill.run().error is None
    return where


def forked(origin: Path, where: Path, parties: LocalParties, start: str | None, settings: Sequence[str]) -> Results:
    make_fork(plan_fork(origin, start, settings), where)
    with Drill.resume(where, parties=parties) as drill:
        return drill.run()


def found_in(run_dir: Path) -> Results:
    return Results.model_validate_json((run_dir / "results.json").read_text())


@pytest.mark.slow
def test_a_fork_changes_only_what_its_set_changes(origin: Path, parties: LocalParties, tmp_path: Path) -> None:
    then, now = found_in(origin), forked(origin, tmp_path / "fork", parties, None, ["after.num_shadows=6"])
    differ = {difference.figure for difference in differences(then, now)}
    assert "attacks.after.auc.value" in differ
    of_after = ("attacks.after.", "scenario.timeline.6.attack.num_shadows")
    assert [figure for figure in differ if not figure.startswith(of_after)] == []
    assert now.environment["data_sha256"] == then.environment["data_sha256"]
    for name in ("gap-0.npz", "before-0.npz"):
        assert (tmp_path / "fork/scores" / name).read_bytes() == (origin / "scores" / name).read_bytes()


@pytest.mark.slow
def test_what_is_replayed_without_a_change_comes_out_the_same_and_trains_nothing(
    origin: Path, parties: LocalParties, tmp_path: Path
) -> None:
    made = sorted(Path(parties.credentials_dir("adversary")).parent.glob("home/models/*/meta.json"))
    times = [path.stat().st_mtime_ns for path in made]
    now = forked(origin, tmp_path / "fork", parties, "before", [])
    assert differences(found_in(origin), now) == []
    again, ours = (np.load(run / "scores" / "before-0.npz") for run in (tmp_path / "fork", origin))
    assert np.array_equal(again["scores"], ours["scores"])
    after = sorted(Path(parties.credentials_dir("adversary")).parent.glob("home/models/*/meta.json"))
    assert (after, [path.stat().st_mtime_ns for path in after]) == (made, times)


@pytest.mark.slow
def test_what_was_asked_before_the_fork_is_gone_from_its_budget(
    origin: Path, parties: LocalParties, tmp_path: Path
) -> None:
    asked = {attack.name: attack.queries["cbig/source"] for attack in found_in(origin).attacks}
    too_little = sum(asked.values()) - 1
    make_fork(plan_fork(origin, "after", []), tmp_path / "poor")
    # not by --set, which would play all attacks again
    poor = SCENARIO.model_copy(update={"adversary": SCENARIO.adversary.model_copy(update={"query_budget": too_little})})
    (tmp_path / "poor/scenario.json").write_text(poor.model_dump_json())
    with Drill.resume(tmp_path / "poor", parties=parties) as drill:
        assert f"left of {too_little}" in (drill.run().error or "")


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        (["after.num_shadows=6"], 6),
        (["before.fit.epochs=2"], 4),
        (["breach.fidelity.bits=8"], 5),
        (["cbig.api.price_per_thousand=2"], 0),
        (["csmall.target_model.fit.epochs=3"], 1),
        (["adversary.query_budget=6000"], 3),
        (["seed=8"], 0),
        (["data.splits.shadow_test=31"], 0),
        (["expect=[]"], 7),
        ([], 7),
        (["expect=[]", "repeats=2"], 3),
    ],
)
def test_the_first_step_that_a_setting_can_change(settings: list[str], first: int) -> None:
    assert first_change(SCENARIO, changed(*settings)) == first


def recorded(where: Path) -> Path:
    """A run that was never played, with the models of two parties and one finished attack."""
    (where / "truth").mkdir(parents=True)
    (where / "scores").mkdir()
    (where / "truth/split_key").write_text("5ecret")
    (where / "scenario.json").write_text(SCENARIO.model_dump_json())
    (where / "scores/gap-0.npz").write_bytes(b"scores")
    for party in ("cbig", "adversary"):
        (where / f"parties/{party}/home/models/abc").mkdir(parents=True)
        (where / f"parties/{party}/home/models/abc/weights").write_text(party)
    journal = Journal(where / "journal.jsonl")
    journal.drill_id()
    journal.append("step_done", key="attack gap 0", queries={"cbig/source": 280}, seconds=1.0, notes={})
    return where


def test_a_fork_has_the_members_the_models_and_what_was_found_before(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run")
    make_fork(plan_fork(run, "after", []), tmp_path / "fork")
    assert (tmp_path / "fork/truth/split_key").read_text() == "5ecret"
    assert (tmp_path / "fork/scores/gap-0.npz").read_bytes() == b"scores"
    weights = tmp_path / "fork/parties/cbig/home/models/abc/weights"
    assert weights.samefile(run / "parties/cbig/home/models/abc/weights")
    journal = Journal(tmp_path / "fork/journal.jsonl")
    assert journal.done("attack gap 0") is not None
    assert journal.spent_before() == {"cbig/source": 280}
    assert journal.drill_id() != Journal(run / "journal.jsonl").drill_id()


def test_a_fork_says_which_attacks_it_keeps_and_which_the_run_never_finished(tmp_path: Path) -> None:
    planned = plan_fork(recorded(tmp_path / "run"), "after", [])
    assert "attacks kept: 1; that run did not finish, and this one plays first: before" in str(planned)


def test_a_fork_that_was_never_written_whole_is_no_run(tmp_path: Path) -> None:
    planned = plan_fork(recorded(tmp_path / "run"), "after", [])
    (tmp_path / "run/scores/gap-0.npz").unlink()
    with pytest.raises(FileNotFoundError):
        make_fork(planned, tmp_path / "fork")
    assert not is_run(tmp_path / "fork")


def test_a_change_before_the_step_to_fork_at_is_refused_with_where_it_begins(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run")
    with pytest.raises(InvalidInput, match=r"--set before.fit.epochs .* step 5, before, which is before --from after"):
        plan_fork(run, "after", ["before.fit.epochs=2"])
    with pytest.raises(InvalidInput, match=r"no step 'nothing': the steps are 1 train_source, 2 release"):
        plan_fork(run, "nothing", [])


def test_a_fork_lies_beside_its_run_and_that_of_a_cell_beside_its_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = tmp_path / "runs/sweep/cells/one"
    cell.mkdir(parents=True)
    (tmp_path / "runs/sweep/sweep.json").touch()
    assert beside(cell, "fork") == tmp_path / "runs/sweep-one-fork"
    monkeypatch.chdir(cell)
    assert beside(Path(), "fork") == tmp_path / "runs/sweep-one-fork"
    monkeypatch.chdir(tmp_path / "runs/sweep")
    assert beside(Path(), "fork") == tmp_path / "runs/sweep-fork"


def test_a_sweep_cannot_be_forked_but_its_cells_can(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run")
    grid = SCENARIO.model_copy(update={"grid": {"seed": [1, 2]}})
    (run / "scenario.json").write_text(grid.model_dump_json())
    with pytest.raises(InvalidInput, match=r"is a sweep: name one of its cells"):
        plan_fork(run, "after", [])


def test_a_run_without_its_journal_cannot_be_forked(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run")
    planned = plan_fork(run, "after", [])
    (run / "journal.jsonl").unlink()
    with pytest.raises(NotFound, match=r"has no journal.jsonl"):
        str(planned)
    with pytest.raises(NotFound, match=r"has no journal.jsonl"):
        make_fork(planned, tmp_path / "fork")
    assert not (tmp_path / "fork").exists()
