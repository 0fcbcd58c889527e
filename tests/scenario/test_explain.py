from typing import Any

import pytest
from pydantic import ValidationError
from small_scenario import written

from leakdrill.scenario.explain import explain
from leakdrill.scenario.overrides import apply_overrides
from leakdrill.scenario.schema import Scenario


def explained(raw: Any) -> list[str]:
    with pytest.raises(ValidationError) as error:
        Scenario.model_validate(raw)
    return explain(error.value, raw)


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (
            "cbig.source_model.fit.epoch",
            3,
            "cbig.source_model.fit.epoch: unknown key; did you mean 'epochs'? known: batch_size, cutout, epochs, flip,",
        ),
        (
            "data.splitz",
            3,
            "data.splitz: unknown key; did you mean 'splits'? known: auxiliary_faces, challenge, image_size, ",
        ),
        ("data.target.clases", 3, "data.target.clases: unknown key; did you mean 'classes'?"),
        (
            "after.num_shadow",
            3,
            "timeline[5].attack.num_shadow (attack 'after'): unknown key; did you mean 'num_shadows'?",
        ),
        ("seed", "many", "seed: wanted a valid integer, got 'many'"),
        ("seed", -1, "seed: wanted greater than or equal to 0, got -1"),
        ("data.splits.source_train", None, "data.splits.source_train: wanted a valid integer, got None"),
        ("csmall.target_model.transfer", "freez", "csmall.target_model.transfer: wanted 'freeze' or 'fine_tune', got"),
        ("breach.fidelity.bits", 5, "timeline[4].breach.fidelity.bits: wanted 32, 16 or 8, got 5"),
        (
            "cbig.source_model.arch.kind",
            "resnet9",
            "cbig.source_model.arch: unknown kind 'resnet9'; did you mean 'resnet8'?",
        ),
        (
            "cbig.source_model.arch",
            "resnet8",
            "cbig.source_model.arch: wanted a mapping, such as {kind: small_cnn}, got",
        ),
        ("cbig.source_model.arch", {}, "cbig.source_model.arch: missing 'kind', which is one of small_cnn, paper_cnn,"),
        (
            "after.kind",
            "transmiaa",
            "timeline[5].attack (attack 'after'): unknown kind 'transmiaa'; did you mean 'transmia'?",
        ),
        ("data.set", "digitz", "data: unknown set 'digitz'; did you mean 'digits'?"),
        ("timeline", ["trian_source"], "timeline[0]: unknown step 'trian_source'; did you mean 'train_source'?"),
        (
            "timeline",
            [{"a": 1, "b": 2}],
            "timeline[0]: wanted one step (train_source, load_source, release, adapt, load_target, revoke, breach, ",
        ),
        ("timeline", 3, "timeline: wanted a valid list, got 3"),
        (
            "after.head.steps",
            "many",
            "timeline[5].attack.head.steps (attack 'after'): wanted a valid integer or 'auto', got",
        ),
        (
            "after.name",
            "A",
            "timeline[5].attack.name (attack 'A'): wanted text that matches ^[a-z][a-z0-9_]*$, got 'A'",
        ),
        ("after.name", "before", "timeline: 2 attacks are called 'before': give each a `name` of its own"),
        ("after.name", "source", "timeline: an attack cannot be called 'source': give it another `name`"),
        ("data.target", {"classes": 4, "train": 5}, "data.target.test: missing (of each class)"),
        ("data.target.dataset", {"set": "lfw"}, "data.target.dataset.root: missing"),
        ("adversary.knows", "all", "adversary.knows: wanted a mapping of keys to values, got 'all'"),
        ("grid", {"seed": 3}, "grid: seed is '3': wanted a list of values, a mapping of labels"),
    ],
)
def test_one_line_says_which_key_what_was_got_and_what_would_be_right(key: str, value: Any, line: str) -> None:
    lines = explained(apply_overrides(written(), {key: value}, "--set"))
    assert len(lines) == 1
    assert lines[0].startswith(line)


def test_a_missing_key_says_what_it_is_for() -> None:
    raw = written()
    del raw["data"]["splits"]["source_train"]
    assert explained(raw) == ["data.splits.source_train: missing (members: cbig's training set)"]


def test_every_problem_has_its_line() -> None:
    raw = written() | {"seed": "x", "sede": 1}
    del raw["question"]
    lines = explained(raw)
    assert [line.partition(":")[0] for line in lines] == ["question", "seed", "sede"]


def test_a_long_value_is_cut_short() -> None:
    (line,) = explained(written() | {"seed": "9x" * 500})
    assert len(line) < 120


def test_what_is_no_mapping_at_all() -> None:
    assert explained(3) == ["wanted a mapping of keys to values, got 3"]
