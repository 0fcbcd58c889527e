import json

import numpy as np
import pytest

from leakdrill.metrics import Judged, proportion
from leakdrill.referee.baseline import Baseline, judge_baseline
from leakdrill.referee.expect import Evidence, decide, overall
from leakdrill.results import ExpectationResult, ModelResult, Results
from leakdrill.scenario.schema import Expectation

NUM = 400
TRUTH = np.arange(NUM) % 2 == 0
LABELS = np.zeros(NUM, np.int64)


def attack(shift: float, seed: int = 0) -> Judged:
    scores = np.random.default_rng(seed).normal(size=(1, NUM)) + shift * TRUTH
    return Judged(scores, scores > shift / 2, TRUTH, LABELS)


def model(train: int, test: int) -> ModelResult:
    return ModelResult(
        train_accuracy=proportion(train, 100),
        test_accuracy=proportion(test, 100),
        best_epoch=1,
        weights_sha256="",
        seconds=0.0,
    )


def baseline() -> Baseline:
    images = np.random.default_rng(2).integers(0, 256, (NUM, 8, 8, 3)).astype(np.uint8)
    return judge_baseline(images, LABELS, TRUTH)


EVIDENCE = Evidence(
    attacks={"weak": attack(0.2), "weak_too": attack(0.25), "strong": attack(2.0, seed=1), "coin": attack(0.0, seed=5)},
    models={"source": model(90, 60), "target": model(70, 62)},
    baseline=baseline(),
    within={"strong": {1: attack(0.0, seed=6), 300: attack(1.5, seed=1)}, "weak": {1: attack(0.1)}},
)


def decided(that: str, evidence: Evidence = EVIDENCE) -> ExpectationResult:
    return decide(Expectation(claim="a claim", that=that), evidence)


@pytest.mark.parametrize(
    ("that", "outcome"),
    [
        ("strong.auc > weak.auc", "holds"),
        ("weak.auc > strong.auc", "does not hold"),
        ("strong.auc < weak.auc", "does not hold"),
        ("coin.auc > weak.auc", "undecided"),
        ("weak_too.auc > weak.auc", "holds"),  # by 0.01 only, but on the same noise: the paired interval sees it
        ("weak.auc > weak.auc", "does not hold"),
        ("weak.auc >= weak.auc", "holds"),
        ("weak.auc <= weak.auc", "holds"),
        ("weak.auc < weak.auc", "does not hold"),
        ("strong.auc > 0.8", "holds"),
        ("strong.auc > 0.99", "does not hold"),
        ("coin.auc > 0.5", "undecided"),
        ("strong.tpr@0.1 > 0.2", "holds"),
        ("strong.tpr@0.1 > weak.tpr@0.1", "holds"),
        ("strong.recall > coin.recall", "holds"),
        ("coin.auc covers 0.5", "holds"),
        ("strong.auc covers 0.5", "does not hold"),
        ("all.auc covers 0.5", "does not hold"),
        ("all.auc < 0.99", "holds"),
        ("all.auc < 0.6", "does not hold"),
        ("all.auc > 0.3", "holds"),
        ("all.auc > 0.5", "undecided"),  # coin's is about that, and no other's is below
        ("all.accuracy < 0.95", "holds"),
        ("all.tpr@0.1 < 0.2", "does not hold"),
        ("baseline.auc covers 0.5", "holds"),
        ("strong.auc > baseline.auc", "holds"),
        ("baseline.auc > strong.auc", "does not hold"),
        ("source.train_accuracy > source.test_accuracy", "holds"),
        ("source.test_accuracy > target.test_accuracy", "undecided"),
        ("source.test_accuracy >= 0.9", "does not hold"),
        ("strong.auc@300 > strong.auc@1", "holds"),
        ("strong.auc > strong.auc@300", "holds"),  # on the same noise
        ("strong.auc@300 > baseline.auc", "holds"),
        ("strong.auc@1 covers 0.5", "holds"),
        ("weak.auc@300 > 0.5", "undecided"),  # the adversary left it out
    ],
)
def test_a_clause_holds_or_not_by_where_the_interval_lies(that: str, outcome: str) -> None:
    assert decided(that).outcome == outcome


def test_all_attacks_that_are_coins_cover_one_half() -> None:
    coins = Evidence(attacks={f"coin{seed}": attack(0.0, seed) for seed in range(4)})
    result = decided("all.auc covers 0.5", coins)
    assert result.outcome == "holds"
    assert set(result.got) == {f"coin{seed}.auc" for seed in range(4)}


def test_the_numbers_that_decided_are_given_and_are_plain_json() -> None:
    got = json.loads(json.dumps(decided("strong.auc > weak.auc").got, allow_nan=False))
    assert set(got) == {"strong.auc", "weak.auc", "difference"}
    assert got["difference"]["value"] == pytest.approx(got["strong.auc"]["value"] - got["weak.auc"]["value"])
    assert 0 < got["difference"]["low"] < got["difference"]["value"] < got["difference"]["high"]
    assert set(decided("strong.auc > 0.5").got) == {"strong.auc"}


def test_the_difference_to_the_baseline_is_on_the_examples_that_it_scored() -> None:
    assert EVIDENCE.baseline is not None
    examined = EVIDENCE.baseline.examined
    assert 0 < len(examined) < NUM
    difference = decided("strong.auc > baseline.auc").got["difference"]["value"]
    of_strong = decided("strong.auc > 0", Evidence(attacks={"strong": attack(2.0, seed=1).take(examined)}))
    assert difference == pytest.approx(of_strong.got["strong.auc"]["value"] - EVIDENCE.baseline.result.auc.value)


def test_the_interval_of_two_models_is_wider_than_either_and_narrower_than_both_together() -> None:
    got = decided("source.train_accuracy > source.test_accuracy").got
    a, b, difference = got["source.train_accuracy"], got["source.test_accuracy"], got["difference"]
    widths = [interval["high"] - interval["low"] for interval in (a, b, difference)]
    assert max(widths[:2]) < widths[2] < sum(widths[:2])
    assert difference["low"] == pytest.approx(0.3 - np.hypot(0.9 - a["low"], b["high"] - 0.6))


def test_a_precision_without_positive_decisions_leaves_the_clause_undecided() -> None:
    silent = Judged(np.zeros((1, NUM)), np.zeros((1, NUM), bool), TRUTH, LABELS)
    evidence = Evidence(attacks={"silent": silent, "weak": attack(0.2)})
    for that in ("silent.precision > 0.5", "silent.precision > weak.precision", "silent.precision covers 0.5"):
        result = decided(that, evidence)
        assert result.outcome == "undecided"
        assert "undefined" in result.got["reason"]


def test_a_tpr_that_stands_for_too_few_examples_leaves_the_clause_undecided() -> None:
    assert decided("strong.tpr@0.01 > 0.2").outcome == "undecided"
    assert decided("strong.tpr@0.01 > weak.tpr@0.01").got["difference"] is None


def test_what_the_drill_did_not_reach_leaves_the_clause_undecided_and_named() -> None:
    result = decided("later.auc > weak.auc")
    assert (result.outcome, result.got) == (
        "undecided",
        {"reason": "later.auc: the drill did not get there, or found nothing to compare"},
    )
    assert decided("all.auc covers 0.5", Evidence()).outcome == "undecided"


def test_the_verdict_is_met_unless_an_expectation_fails_or_stays_open() -> None:
    assert overall([]) == "met"
    assert overall(["holds", "holds"]) == "met"
    assert overall(["holds", "undecided"]) == "undecided"
    assert overall(["undecided", "does not hold", "holds"]) == "not met"


def test_attacks_on_people_are_compared_on_those_that_both_spoke_of() -> None:
    is_member, names = np.arange(60) % 2 == 0, np.arange(60)
    scores = np.random.default_rng(3).normal(size=(1, 60)) + is_member
    everybody = Judged(scores + is_member, scores > 0, is_member, names)
    some = Judged(scores, scores > 0, is_member, names).take(np.flatnonzero(names % 3 > 0))
    evidence = Evidence(attacks={"better": everybody, "fewer": some}, units={"fewer": some.labels})
    result = decided("better.auc > fewer.auc", evidence)
    assert result.outcome in ("holds", "undecided")
    assert result.got["difference"]["value"] > 0


def test_all_attacks_at_once_are_judged_by_wider_intervals_than_one_of_them() -> None:
    for metric in ("auc", "accuracy", "tpr@0.1"):
        alone, at_once = (decided(f"{name}.{metric} < 0.99").got[f"strong.{metric}"] for name in ("strong", "all"))
        assert at_once["value"] == alone["value"]
        assert at_once["low"] < alone["low"] < alone["high"] < at_once["high"]


def test_the_attacks_nearest_to_breaking_the_claim_are_named_first() -> None:
    assert next(iter(decided("all.auc < 0.99").got)) == "strong.auc"
    assert next(iter(decided("all.auc > 0.3").got)) == "coin.auc"


def test_attacks_on_different_examples_are_judged_together_by_bonferroni() -> None:
    some = attack(2.0, seed=1).take(np.arange(NUM - 100))
    evidence = Evidence(attacks={"strong": some, "weak": attack(0.2)}, units={"strong": np.arange(NUM - 100)})
    assert decided("all.auc < 0.6", evidence).outcome == "does not hold"
    assert decided("all.auc < 0.999", evidence).outcome == "holds"
    assert decided("all.auc covers 0.5", evidence).outcome == "does not hold"


def test_an_attack_that_decides_nothing_is_not_overlooked_when_all_are_asked_for(results: Results) -> None:
    mute = {"after": results.attacks[0]}
    evidence = Evidence(attacks={"weak": attack(0.2)}, results=mute)
    for that in ("all.auc < 0.99", "all.auc covers 0.5"):
        found = decided(that, evidence)
        assert found.outcome == "undecided"
        assert "after had something to say of members alone" in found.got["reason"]


def test_what_is_undecided_says_how_many_examples_would_decide_it() -> None:
    found = decided("weak.auc < 0.56").deciding
    assert found is not None
    assert (found.unit, found.num_judged) == ("example", NUM)
    assert found.num_needed is not None
    assert found.num_needed > NUM
    assert decided("strong.auc > 0.8").deciding is None


def test_so_many_examples_do_decide_it_where_the_value_stays() -> None:
    """The very same scores over and over: the value cannot move, and the interval narrows as that of more examples."""
    weak, first = attack(0.2), decided("weak.auc < 0.56").deciding
    assert first is not None
    assert first.num_needed is not None
    times = -(-first.num_needed // NUM)
    many = {copies: weak.take(np.tile(np.arange(NUM), copies)) for copies in (max(1, times // 2), times + 1)}
    outcomes = [decided("weak.auc < 0.56", Evidence(attacks={"weak": one})).outcome for one in many.values()]
    assert outcomes == ["undecided", "holds"]


def test_all_attacks_together_need_what_the_most_undecided_of_them_needs() -> None:
    at_once = decided("all.auc > 0.5").deciding
    assert at_once is not None
    assert at_once.num_needed is not None
    for name in ("weak", "weak_too"):
        alone = decided(f"{name}.auc > 0.5").deciding
        assert alone is not None
        assert alone.num_needed is not None
        assert NUM < alone.num_needed < at_once.num_needed  # coin's value is the nearest to the bound


def test_a_tpr_for_which_there_are_too_few_says_how_many_non_members_it_takes() -> None:
    for that in ("strong.tpr@0.01 > 0.2", "strong.tpr@0.01 > weak.tpr@0.01", "all.tpr@0.01 < 0.05"):
        found = decided(that).deciding
        assert found is not None
        assert (found.num_judged, found.num_needed) == (NUM, 2000)


def test_two_models_are_decided_by_the_examples_of_both() -> None:
    found = decided("source.test_accuracy > target.test_accuracy").deciding
    assert found is not None
    assert found.num_judged == 200


def test_people_are_counted_where_people_are_judged(results: Results) -> None:
    of_people = {"weak": results.attacks[0].model_copy(update={"unit": "identity"})}
    found = decided("weak.auc < 0.56", Evidence(attacks={"weak": attack(0.2)}, results=of_people)).deciding
    assert found is not None
    assert found.unit == "identity"
