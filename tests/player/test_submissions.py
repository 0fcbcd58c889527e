import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import small

from leakdrill.errors import BudgetExhausted, InvalidInput, NotFound
from leakdrill.player import submissions
from leakdrill.player.scoreboard import Scoreboard
from leakdrill.player.scores import to_csv
from leakdrill.player.seats import of_class, of_step, seat_of
from leakdrill.player.submissions import hand_in, read_record
from leakdrill.referee.judged_attack import judge_attack
from leakdrill.referee.truth import save_scenario
from leakdrill.scenario.schema import Scenario

MakeRun = Callable[..., Any]


def noise(seed: int, ids: list[str]) -> bytes:
    return to_csv(ids, np.random.default_rng(seed).random(len(ids)).tolist())


def test_a_submission_is_judged_with_its_players_queries_and_told_in_hundredths(
    make_run: MakeRun, charge: Any, ids: list[str], is_member: np.ndarray
) -> None:
    run_dir, (ada, bob) = make_run("Ada", "Bob")
    charge(run_dir, "player-01", 70)
    charge(run_dir, "player-02", 5)
    said = hand_in(run_dir, ada, to_csv(ids, is_member.astype(float).tolist()))
    assert str(said) == "Ada: submission 1 of 3: AUC 1.00 [0.82, 1.00] after 70 queries; 2 left"
    charge(run_dir, "player-01", 30)
    (recorded,) = read_record(run_dir)
    assert recorded.result is not None
    assert recorded.result.queries == {"cbig/source": 70}
    assert (recorded.result.num_members, recorded.result.accuracy.value) == (20, 1.0)
    lines = [
        (line.name, line.num_queries, line.num_submissions) for line in Scoreboard(run_dir, (ada, bob)).standings()
    ]
    assert lines == [("Ada", 100, 1), ("Bob", 5, 0)]


def test_one_too_many_is_refused_and_so_are_all_after_it(make_run: MakeRun, ids: list[str]) -> None:
    run_dir, (ada, bob) = make_run("Ada", "Bob", most=1)
    hand_in(run_dir, ada, noise(1, ids))
    for seed in (2, 3):
        with pytest.raises(BudgetExhausted, match="Ada has handed in 1 of 1"):
            hand_in(run_dir, ada, noise(seed, ids))
    hand_in(run_dir, bob, noise(2, ids))
    assert len(read_record(run_dir)) == 2


def test_of_many_at_once_no_more_are_answered_than_are_counted(make_run: MakeRun, ids: list[str]) -> None:
    run_dir, (ada,) = make_run("Ada")

    def attempt(seed: int) -> bool:
        try:
            hand_in(run_dir, ada, noise(seed, ids))
        except BudgetExhausted:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 3
    assert sorted(each.number for each in read_record(run_dir)) == [1, 2, 3]


def test_the_same_scores_again_are_answered_again_and_not_counted(make_run: MakeRun, ids: list[str]) -> None:
    run_dir, (ada,) = make_run("Ada", most=1)
    first = hand_in(run_dir, ada, noise(1, ids))
    assert str(hand_in(run_dir, ada, noise(1, ids))) == str(first)
    assert len(read_record(run_dir)) == 1


def test_what_is_handed_in_after_a_defend_is_judged_as_against_what_was_switched_in(
    make_run: MakeRun, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir, (ada,) = make_run("Ada")
    defend = {"defend": {"party": "cbig", "defences": [{"kind": "rounding", "decimals": 1}]}}
    save_scenario(run_dir, small(timeline=["train_source", defend], expect=[]))
    given: list[Scenario] = []

    def judge(attack: Any, said: Any, asked: Any, scenario: Scenario, *rest: Any) -> Any:
        given.append(scenario)
        return judge_attack(attack, said, asked, scenario, *rest)

    monkeypatch.setattr(submissions, "judge_attack", judge)
    hand_in(run_dir, ada, noise(1, ids))
    assert [defence.kind for defence in given[0].cbig.api.defences] == ["rounding"]


def test_every_repeat_of_a_step_takes_a_file_though_it_says_the_same(make_run: MakeRun, ids: list[str]) -> None:
    run_dir, _ = make_run()
    seat = of_step("mine", most=2)
    assert [hand_in(run_dir, seat, noise(1, ids)).number for _ in range(2)] == [1, 2]
    with pytest.raises(BudgetExhausted):
        hand_in(run_dir, seat, noise(1, ids))


def test_an_answer_that_is_given_again_says_how_many_are_left_now(make_run: MakeRun, ids: list[str]) -> None:
    run_dir, (ada,) = make_run("Ada")
    for seed, left in ((1, "2 left"), (2, "1 left"), (1, "1 left"), (3, "none left"), (2, "none left")):
        assert str(hand_in(run_dir, ada, noise(seed, ids))).endswith(left)


def test_a_file_that_is_none_is_not_counted(make_run: MakeRun, ids: list[str]) -> None:
    run_dir, (ada,) = make_run("Ada", most=1)
    with pytest.raises(InvalidInput, match="39 missing ids"):
        hand_in(run_dir, ada, to_csv(ids[:1], [1.0]))
    hand_in(run_dir, ada, noise(1, ids))


def test_a_line_that_a_crash_has_torn_was_never_answered_and_does_not_count(make_run: MakeRun, ids: list[str]) -> None:
    run_dir, (ada,) = make_run("Ada", most=1)
    record = run_dir / "submissions" / "record.jsonl"
    record.write_text('{"unix_time": 1.0, "seat": "Ad')
    assert read_record(run_dir) == []
    hand_in(run_dir, ada, noise(1, ids))
    assert len(read_record(run_dir)) == 1
    assert record.stat().st_mode & 0o077 == 0 or record.parent.stat().st_mode & 0o077 == 0


def test_the_answers_to_crafted_orders_do_not_give_the_truth_away(
    make_run: MakeRun, ids: list[str], is_member: np.ndarray
) -> None:
    """The plainest attack on a leaderboard (Blum and Hardt 2015, section 3): guesses, added up by their answers."""
    run_dir, seats = make_run(*(f"p{number}" for number in range(20)))
    generator = np.random.default_rng(1)
    attempts = (seat for seat in seats for _ in range(3))

    def learned(num_submissions: int) -> float:
        total = np.zeros(len(ids))
        for seat in itertools.islice(attempts, num_submissions):
            guess = generator.standard_normal(len(ids))
            answer = hand_in(run_dir, seat, to_csv(ids, guess.tolist())).result
            assert answer is not None
            total += guess * (round(answer.auc.value, 2) - 0.5)
        wins = total[is_member][:, None] > total[~is_member]
        return float(wins.mean())

    assert learned(3) < 0.75, "one player, of a challenge as tiny as this"
    assert learned(45) > 0.75, "fifteen players who collude: docs/play-by-hand.md says so"


def test_whose_a_submission_is_must_be_said_where_there_are_several(make_run: MakeRun, tmp_path: Path) -> None:
    run_dir, _ = make_run("Ada", "Zoë")
    assert seat_of(run_dir, "ZOE\u0308").caller == "player-02"
    with pytest.raises(NotFound, match="several play here: say --name with one of Ada, Zoë"):
        seat_of(run_dir, None)
    with pytest.raises(NotFound, match="nobody called 'Bob' plays here"):
        seat_of(run_dir, "Bob")
    with pytest.raises(NotFound, match="takes no submissions"):
        seat_of(tmp_path, None)


def test_players_whose_names_leave_nothing_or_the_same_for_an_attacks_name_are_numbered(make_run: MakeRun) -> None:
    _, seats = make_run("Zoë M.", "小明", "A b", "a-b")
    assert [seat.attack for seat in seats] == ["zoe_m", "player_02", "player_03", "player_04"]
    assert [seat.attack for seat in of_class(["李", "Player 01"], 3)] == ["player_01", "player_02"]
