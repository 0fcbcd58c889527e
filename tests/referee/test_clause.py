from typing import Any

import pytest

from leakdrill.errors import ScenarioError
from leakdrill.referee.clause import Clause, Operand, parse, validate
from leakdrill.scenario.schema import Scenario

TIMELINE: list[Any] = [
    "train_source",
    {"attack": {"name": "before", "kind": "gap"}},
    {"attack": {"name": "after", "kind": "entropy"}},
    {"attack": {"name": "near", "kind": "boundary", "queries_per_example": 100}},
]


def scenario(*that: str, timeline: list[Any] = TIMELINE) -> Scenario:
    return Scenario.model_validate(
        {
            "question": "?",
            "data": {
                "set": "digits",
                "splits": {"source_train": 2, "source_test": 2, "source_validation": 2},
                "target": {"classes": 2, "train": 1, "test": 1},
            },
            "cbig": {"source_model": {"arch": {"kind": "small_cnn"}}},
            "timeline": timeline,
            "expect": [{"claim": "...", "that": clause} for clause in that],
        }
    )


@pytest.mark.parametrize(
    ("that", "clause"),
    [
        ("after.auc > before.auc", Clause(Operand("after", "auc"), ">", Operand("before", "auc"))),
        ("after.auc>=0.5", Clause(Operand("after", "auc"), ">=", 0.5)),
        ("after.auc@300 > 0.5", Clause(Operand("after", "auc@300"), ">", 0.5)),
        ("after.auc@300 > before.auc", Clause(Operand("after", "auc@300"), ">", Operand("before", "auc"))),
        ("  before.f1  <  1 ", Clause(Operand("before", "f1"), "<", 1.0)),
        ("after.tpr@0.01 <= 1e-1", Clause(Operand("after", "tpr@0.01"), "<=", 0.1)),
        ("all.auc covers 0.5", Clause(Operand("all", "auc"), "covers", 0.5)),
        ("all.tpr@0.01 < 0.05", Clause(Operand("all", "tpr@0.01"), "<", 0.05)),
        ("baseline.accuracy covers .5", Clause(Operand("baseline", "accuracy"), "covers", 0.5)),
        (
            "source.train_accuracy > source.test_accuracy",
            Clause(Operand("source", "train_accuracy"), ">", Operand("source", "test_accuracy")),
        ),
    ],
)
def test_what_the_grammar_allows(that: str, clause: Clause) -> None:
    assert parse(that) == clause


@pytest.mark.parametrize(
    ("that", "message"),
    [
        ("", "not a clause: wanted <name>.<metric> <op> <number or name.metric>"),
        ("after.auc", "not a clause"),
        ("after.auc > before.auc > 0.5", "not a clause"),
        ("after.auc == 0.5", "unknown comparison '=='"),
        ("after.auc cover 0.5", "unknown comparison 'cover': did you mean 'covers'"),
        ("after > 0.5", "'after' is neither a number nor a metric"),
        ("after.auc > high", "'high' is neither a number nor a metric"),
        ("after.acuracy > 0.5", "unknown metric 'acuracy': did you mean 'accuracy'"),
        ("after.tpr@5 > 0.5", "unknown metric 'tpr@5': did you mean 'tpr@0.01'"),
        ("source.auc > 0.5", "the model 'source' has no 'auc': known: test_accuracy, train_accuracy"),
        ("after.auc > 61", "61 is no rate: metrics are fractions between 0 and 1"),
        ("after.auc > nan", "nan is no rate"),
        ("all.auc > before.auc", "'all' is compared with a number, such as 'all.auc < 0.6'"),
        ("before.auc > all.auc", "'all' is compared with a number"),
        ("all.auc@300 < 0.6", "all attacks at once have no 'auc@300'"),
        ("all.auc@300 covers 0.5", "all attacks at once have no 'auc@300'"),
        ("after.auc covers before.auc", "covers wants an attack's metric and a number"),
        ("source.test_accuracy covers 0.5", "covers wants an attack's metric and a number"),
        ("after.auc > before.accuracy", "'auc' and 'accuracy' are different metrics: compare like with like"),
        ("after.accuracy > source.test_accuracy", "compare like with like"),
    ],
)
def test_what_it_does_not_says_what_is_wrong_and_what_would_be_right(that: str, message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        parse(that)
    assert message in str(error.value)


def test_clauses_about_what_the_timeline_makes_are_valid() -> None:
    clauses = validate(scenario("after.auc > before.auc", "baseline.auc covers 0.5", "source.test_accuracy > 0.4"))
    assert [clause.op for clause in clauses] == [">", "covers", ">"]
    assert validate(scenario()) == []
    assert validate(scenario("near.auc@30 > before.auc@1", "near.auc@100 > near.auc@5"))


@pytest.mark.parametrize(
    ("that", "message"),
    [
        ("afer.auc > 0.5", "expect[0].that 'afer.auc > 0.5': unknown name 'afer': did you mean 'after'"),
        ("after.auc > befor.auc", "unknown name 'befor': did you mean 'before'"),
        ("target.test_accuracy > 0.5", "there is no target model without the step adapt or load_target"),
        ("after.auc@300 > 0.5", "after has no auc@300: only an attack with scores by queries does"),
        ("near.auc@300 > 0.5", "near has no auc@300: it is judged after 1, 5, 14, 30, 100 queries per example"),
        ("baseline.auc@1 > 0.5", "baseline has no auc@1"),
        ("after.auk > 0.5", "expect[0].that 'after.auk > 0.5': unknown metric 'auk'"),
    ],
)
def test_a_clause_about_anything_else_is_refused_by_its_place_before_anything_runs(that: str, message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        validate(scenario(that))
    assert message in str(error.value)


ATTRIBUTES = [
    *TIMELINE,
    {"attack": {"name": "gender", "kind": "attribute_inference"}},
    {"attack": {"name": "few", "kind": "attribute_inference", "auxiliary_points": 10}},
    {"attack": {"name": "beard", "kind": "attribute_inference", "attribute": "beard"}},
]


@pytest.mark.parametrize(
    ("that", "message"),
    [
        ("gender.auc > after.auc", "gender is judged on the attribute 'gender', after on membership"),
        ("baseline.auc < gender.auc", "baseline is judged on membership, gender on the attribute 'gender'"),
        ("gender.auc > beard.auc", "gender is judged on the attribute 'gender', beard on the attribute 'beard'"),
    ],
)
def test_attacks_that_are_to_find_out_different_things_are_not_compared(that: str, message: str) -> None:
    with pytest.raises(ScenarioError) as error:
        validate(scenario(that, timeline=ATTRIBUTES))
    assert message in str(error.value)


def test_attacks_on_one_attribute_are_compared_with_each_other_and_with_numbers() -> None:
    assert len(validate(scenario("gender.auc > few.auc", "beard.auc > 0.5", timeline=ATTRIBUTES))) == 2


def test_all_attacks_of_a_timeline_without_any_are_refused() -> None:
    with pytest.raises(ScenarioError, match="the timeline has none"):
        validate(scenario("all.auc covers 0.5", timeline=["train_source"]))
