"""The contract of an attack. A module of tests takes it over, and says on what it is run:

from mine import MyAttack
from leakdrill.contract.attack import *
CASES = {"mine": Case(MyAttack())}
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from leakdrill.attacks.base import Attack, Verdict
from leakdrill.attacks.checks import check_verdict
from leakdrill.contract.people import world_of_attributes, world_of_people
from leakdrill.contract.worlds import World, of_students, world, world_of_weights
from leakdrill.errors import BudgetExhausted, InvalidInput
from leakdrill.models.cache import ModelCache
from leakdrill.plugins import CITATION, to_json

NUM_CHALLENGED = 400
NUM_PAIRS = 200  # of the same person, where each has two photos
NEEDS = re.compile(
    r"(cbig/source|csmall/recognition):(scores|label|logits)|csmall/(features:embedding|verification:(distance|same))"
    r"|shadow_examples|teacher_examples|architecture|target_examples|auxiliary_faces|transfer_method|feature_extractor"
    r"|source_model"
    r"|labelled_identities|labelled_attributes|defences"
)
Source = Literal["memoriser", "null"]

#: Trained once for all cases and all tests, as by the attacks of a drill.
SHADOW_MODELS = TemporaryDirectory(prefix="leakdrill-contract-")
_TRIED: dict[tuple[str, Source], tuple[Verdict, dict[str, int]]] = {}


@dataclass(frozen=True)
class Case:
    """An attack, set so that it is quick, and what may be expected of it."""

    attack: Attack
    queries: tuple[int, int] | None = None  # at cbig's and at csmall's public models; None: whatever it asks
    finds_members: bool = True  # of a model that knows its members by heart
    refuses_labels: bool = False  # of no class, which it would take for a mistake of the model


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs each test below on the cases that it is about."""
    cases: dict[str, Case] = metafunc.module.CASES
    chosen = {
        "case": list(cases),
        "finding_case": [name for name, case in cases.items() if case.finds_members],
        "labelled_case": [name for name, case in cases.items() if case.refuses_labels],
    }
    for argument, names in chosen.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, [pytest.param(cases[name], id=name) for name in names])


def setting(case: Case, source: Source, budget: int | None = None) -> World:
    """What the attack is tried in: by what it tells apart, photos or people."""
    attack = case.attack
    if "source_model" in attack.needs:
        made = world_of_weights(source, budget=budget)
    elif attack.goal == "membership":
        made = world(source, budget=budget)
    else:
        made = (world_of_people if attack.goal == "identity" else world_of_attributes)(source, budget=budget)
    if "cbig/source" not in attack.victims:
        made = of_students(made)
    return replace(made, view=replace(made.view, cache=ModelCache(Path(SHADOW_MODELS.name))))


def tried(case: Case, source: Source) -> tuple[Verdict, dict[str, int]]:
    """Its verdict, and how often it asked whom."""
    key = to_json(case.attack), source
    if key not in _TRIED:
        here = setting(case, source)
        said = check_verdict(case.attack.run(here.view), case.attack.name, NUM_CHALLENGED)
        _TRIED[key] = said, here.num_asked
    return _TRIED[key]


def verdict(case: Case, source: Source) -> Verdict:
    return tried(case, source)[0]


def test_the_docstring_starts_with_one_line_that_cites_its_source(case: Case) -> None:
    first_line, *rest = (type(case.attack).__doc__ or "").split("\n")
    assert first_line.endswith(".")
    assert not rest or not rest[0].strip()
    assert CITATION.search(first_line)


def test_an_attack_is_named_after_its_kind_unless_it_is_given_a_name(case: Case) -> None:
    make: Callable[..., Attack] = type(case.attack)
    assert make().name == case.attack.kind
    assert make(name="after").name == "after"


def test_scores_and_decisions_have_one_entry_per_example(case: Case) -> None:
    assert len(verdict(case, "memoriser").scores) == NUM_CHALLENGED  # the rest is refused in a drill, too


def test_there_are_scores_for_each_budget_that_the_attack_announces(case: Case) -> None:
    got = verdict(case, "memoriser")
    assert tuple(got.by_queries) == case.attack.budgets
    for scores in got.by_queries.values():
        assert scores.shape == (NUM_CHALLENGED,)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()
    if got.by_queries:  # with all its queries it says what it says
        np.testing.assert_array_equal(list(got.by_queries.values())[-1] > 0, got.decisions)


def test_decisions_agree_with_the_order_of_scores(case: Case) -> None:
    got = verdict(case, "memoriser")
    if got.decisions.any() and not got.decisions.all():
        assert got.scores[got.decisions].min() > got.scores[~got.decisions].max()


def test_the_same_view_gives_the_same_verdict(case: Case) -> None:
    again = case.attack.run(setting(case, "memoriser").view)
    np.testing.assert_array_equal(again.scores, verdict(case, "memoriser").scores)
    np.testing.assert_array_equal(again.decisions, verdict(case, "memoriser").decisions)
    assert again.notes == verdict(case, "memoriser").notes
    for queries, scores in again.by_queries.items():
        np.testing.assert_array_equal(scores, verdict(case, "memoriser").by_queries[queries])


def test_a_verdict_does_not_depend_on_the_order_of_the_challenge(case: Case) -> None:
    order = np.random.default_rng(1).permutation(NUM_CHALLENGED)
    permuted = case.attack.run(setting(case, "memoriser").permuted(order).view)
    np.testing.assert_allclose(permuted.scores, verdict(case, "memoriser").scores[order], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(permuted.decisions, verdict(case, "memoriser").decisions[order])


def test_queries_are_those_that_were_announced(case: Case) -> None:
    asked = dict(tried(case, "memoriser")[1])
    of_cbig, of_csmall = asked.pop("cbig/source", 0), sum(asked.values())
    most = case.attack.most_queries(NUM_CHALLENGED)
    if most:  # it announces a limit, and may come to know with less
        assert of_cbig + of_csmall <= most
    if case.queries is None:
        return
    if case.queries[0] and most:
        assert case.queries[0] == most
        assert of_cbig >= NUM_CHALLENGED
        assert of_csmall == case.queries[1]
    else:
        assert (of_cbig, of_csmall) == case.queries


def test_an_exhausted_budget_is_an_error_and_not_a_verdict(case: Case) -> None:
    most_asked = max(tried(case, "memoriser")[1].values())
    if not most_asked:
        pytest.skip("it asks nothing")
    with pytest.raises(BudgetExhausted):
        case.attack.run(setting(case, "memoriser", budget=min(NUM_CHALLENGED, most_asked) - 1).view)


def test_labels_of_no_class_are_refused_before_anything_is_asked(labelled_case: Case) -> None:
    here = setting(labelled_case, "memoriser")
    labels = here.view.challenge.labels + here.view.num_classes * (np.arange(NUM_CHALLENGED) == 7)
    view = replace(here.view, challenge=replace(here.view.challenge, labels=labels))
    with pytest.raises(InvalidInput, match=r"challenge has labels from 0 to \d, wanted 0 to 3"):
        labelled_case.attack.run(view)
    assert not any(here.num_asked.values())


def test_a_memoriser_is_found_out(finding_case: Case) -> None:
    is_member = setting(finding_case, "memoriser").is_member
    assert roc_auc_score(is_member, verdict(finding_case, "memoriser").scores) > 0.7


def test_a_model_that_remembers_nothing_gives_nothing_away(case: Case) -> None:
    is_member, said = setting(case, "null").is_member, verdict(case, "null")
    assert abs(roc_auc_score(is_member, said.scores) - 0.5) < 0.1  # 3.5 standard errors of 200 + 200 examples
    assert abs((said.decisions == is_member).mean() - 0.5) < 0.1


def test_needs_are_spelt_as_scenarios_grant_them(case: Case) -> None:
    assert [need for need in case.attack.needs if not NEEDS.fullmatch(need)] == []
