"""What every attack owes, whoever wrote it. A registered attack without a case here fails the first test."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.attacks import (
    ATTACKS,
    AttributeInference,
    Boundary,
    CarliniWagner,
    ClassBased,
    ClassBasedAux,
    Combined,
    ConfidenceThreshold,
    ConfidenceVector,
    Entropy,
    FirstCut,
    Gap,
    Lira,
    NoiseRobustness,
    Oslo,
    Outlier,
    QuantileRegression,
    RandomAugmentation,
    Rmia,
    Rotation,
    StudentMia,
    TargetModelMia,
    Translation,
    TransMia,
    Yoqo,
)
from leakdrill.attacks.base import Attack, Verdict
from leakdrill.errors import BudgetExhausted, InvalidInput
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.shadows import HeadFit
from tests.attacks.worlds import World, of_students, world, world_of_attributes, world_of_people, world_of_weights

QUICK = Fit(epochs=8, batch_size=16, learning_rate=0.05)
OVERTRAINED = HeadFit(steps=150, batch_size=16)
#: Shadow models that know their training images by heart, as LiRA and RMIA need them.
BY_HEART = {"fit": Fit(epochs=10, batch_size=16, learning_rate=0.05), "arch": SmallCnn(width=8, num_features=64)}
NUM_CHALLENGED = 400
NUM_PAIRS = 200  # of the same person, where each has two photos

#: Small versions of every attack, with the queries that each may spend at cbig's and at csmall's public models.
CASES: dict[str, tuple[Attack, int, int]] = {
    "gap": (Gap(), NUM_CHALLENGED, 0),
    "gap_by_label": (Gap(output="label"), NUM_CHALLENGED, 0),
    "entropy": (Entropy(threshold_queries=30), NUM_CHALLENGED + 30, 0),
    "confidence_vector": (ConfidenceVector(fit=QUICK), NUM_CHALLENGED, 0),
    "confidence_leading": (ConfidenceVector(inputs="leading", networks="one", fit=QUICK), NUM_CHALLENGED, 0),
    "max_confidence": (ConfidenceThreshold(fit=QUICK), NUM_CHALLENGED, 0),
    "loss": (ConfidenceThreshold(statistic="loss", fit=QUICK), NUM_CHALLENGED, 0),
    "confidence_entropy": (ConfidenceThreshold(statistic="entropy", fit=QUICK), NUM_CHALLENGED, 0),
    "transmia_baseline": (
        TransMia(shadow="baseline", num_shadows=4, shadow_size=40, fit=QUICK, attack_model="svm"),
        NUM_CHALLENGED,
        0,
    ),
    "transmia_fine_tune": (
        TransMia(shadow="fine_tune", num_shadows=4, shadow_size=40, fit=QUICK, attack_model="entropy"),
        NUM_CHALLENGED,
        0,
    ),
    "transmia_freeze_dnn": (TransMia(num_shadows=20, shadow_size=30, head=OVERTRAINED), NUM_CHALLENGED, 0),
    "transmia_freeze_whole": (
        TransMia(num_shadows=20, shadow_size=30, head=OVERTRAINED, inputs="whole"),
        NUM_CHALLENGED,
        0,
    ),
    "transmia_freeze_auto": (
        TransMia(num_shadows=20, shadow_size=30, attack_model="entropy", tuning_queries=25),
        NUM_CHALLENGED + 25,
        0,
    ),
    "boundary": (Boundary(queries_per_example=40, tuning_examples=10, fit=QUICK), 40 * NUM_CHALLENGED, 0),
    "boundary_linf": (
        Boundary(queries_per_example=30, norm="linf", tuning_examples=5, fit=QUICK),
        30 * NUM_CHALLENGED,
        0,
    ),
    "noise_robustness": (
        NoiseRobustness(queries_per_example=20, sigmas=(0.02, 0.05), tuning_examples=20, fit=QUICK),
        20 * NUM_CHALLENGED,
        0,
    ),
    "rotation": (Rotation(fit=QUICK), 3 * NUM_CHALLENGED, 0),
    "translation": (Translation(pixels=1, fit=QUICK), 5 * NUM_CHALLENGED, 0),
    "translation_threshold": (Translation(pixels=1, attack_model="threshold", fit=QUICK), 5 * NUM_CHALLENGED, 0),
    "translation_one_network": (Translation(pixels=1, networks="one", fit=QUICK), 5 * NUM_CHALLENGED, 0),
    "random_augmentation": (
        RandomAugmentation(queries_per_example=10, shift=1, flip=False, strength="weak", fit=QUICK),
        10 * NUM_CHALLENGED,
        0,
    ),
    "lira": (Lira(num_shadows=4, **BY_HEART), NUM_CHALLENGED, 0),
    "lira_offline": (Lira(mode="offline", num_shadows=4, **BY_HEART), NUM_CHALLENGED, 0),
    "rmia": (Rmia(num_shadows=4, population=30, **BY_HEART), NUM_CHALLENGED + 30, 0),
    "quantile_regression": (
        QuantileRegression(own_queries=100, epochs=3, arch=SmallCnn(width=4, num_features=16)),
        NUM_CHALLENGED + 100,
        0,
    ),
    "rmia_offline": (Rmia(mode="offline", num_shadows=4, population=30, **BY_HEART), NUM_CHALLENGED + 30, 0),
    "combined": (
        Combined(queries_per_example=63, tuning_examples=10, networks="one", fit=QUICK),
        60 * NUM_CHALLENGED,
        0,
    ),
    "combined_threshold": (
        Combined(queries_per_example=60, tuning_examples=10, attack_model="threshold", fit=QUICK),
        60 * NUM_CHALLENGED,
        0,
    ),
    "outlier": (
        Outlier(by=Translation(pixels=1, attack_model="threshold", fit=QUICK), alpha=0.5),
        5 * NUM_CHALLENGED // 2,
        0,
    ),
    "carlini_wagner": (CarliniWagner(iterations=8, steps_of_c=2, tuning_examples=15, **BY_HEART), 0, 0),
    "yoqo": (Yoqo(num_shadows=4, max_steps=4, tuning_examples=10, fit=QUICK), NUM_CHALLENGED, 0),
    "yoqo_offline": (
        Yoqo(mode="offline", num_shadows=4, max_steps=4, tuning_examples=10, fit=QUICK),
        NUM_CHALLENGED,
        0,
    ),
    "oslo": (
        Oslo(num_shadows=6, max_perturbation=4, iterations=1, tuning_examples=10, fit=QUICK),
        NUM_CHALLENGED,
        0,
    ),
    "oslo_thresholds": (
        Oslo(num_shadows=6, thresholds=(0.5, 0.2), max_perturbation=4, iterations=1, tuning_examples=10, fit=QUICK),
        2 * NUM_CHALLENGED,
        0,
    ),
    "class_based": (ClassBased(), 0, NUM_CHALLENGED),
    "class_based_euclidean": (ClassBased(p=2, off_diagonal=0), 0, NUM_CHALLENGED),
    "class_based_mixture": (ClassBased(measure="mixture"), 0, NUM_CHALLENGED),
    "class_based_recognition": (ClassBased(api="recognition"), 0, NUM_CHALLENGED),
    "class_based_recognition_mixture": (ClassBased(api="recognition", measure="mixture"), 0, NUM_CHALLENGED),
    "class_based_verification": (ClassBased(api="verification"), 0, NUM_PAIRS),
    "class_based_verification_mixture": (ClassBased(api="verification", measure="mixture"), 0, NUM_PAIRS),
    "class_based_aux": (ClassBasedAux(num_components=5), 0, 2 * NUM_CHALLENGED),
    "class_based_aux_recognition": (ClassBasedAux(api="recognition"), 0, 2 * NUM_CHALLENGED),
    "class_based_aux_verification": (ClassBasedAux(api="verification"), 0, 2 * NUM_PAIRS),
    "first_cut": (FirstCut(), 0, 2 * NUM_CHALLENGED),
    "first_cut_forest": (FirstCut(api="recognition", classifier="forest"), 0, 2 * NUM_CHALLENGED),
    "first_cut_svm": (FirstCut(classifier="svm", num_components=5), 0, 2 * NUM_CHALLENGED),
    "first_cut_verification": (FirstCut(api="verification"), 0, NUM_CHALLENGED),
    "attribute_features": (AttributeInference(), 0, NUM_CHALLENGED + 200),
    "attribute_recognition": (AttributeInference(api="recognition", num_scores=4), 0, NUM_CHALLENGED + 200),
    "attribute_verification": (AttributeInference(api="verification"), 0, 10 * (NUM_CHALLENGED + 200)),
    "target_model_mia": (
        TargetModelMia(num_shadows=4, shadow_size=40, fit=QUICK, target_fit=QUICK),
        0,
        NUM_CHALLENGED,
    ),
    "student_mia": (
        StudentMia(num_shadows=4, shadow_size=30, fit=QUICK, method="fine_tune"),
        0,
        NUM_CHALLENGED,
    ),
    "student_mia_own_teacher": (
        StudentMia(num_shadows=4, shadow_size=30, fit=QUICK, teacher_fit=QUICK, teacher="own", method="fine_tune"),
        0,
        NUM_CHALLENGED,
    ),
}
API = r"(cbig/source|csmall/recognition):(scores|label|logits)|csmall/(features:embedding|verification:distance)"
#: Attacks that learn nothing even from a memoriser, which is what their paper says of them.
POWERLESS = {"target_model_mia", "first_cut", "first_cut_forest", "first_cut_svm"}
#: A case of each attack that would take a label of no class for a mistake of the model.
REFUSES_LABELS = {
    "boundary", "carlini_wagner", "combined", "gap", "gap_by_label", "lira", "loss", "noise_robustness", "oslo",
    "outlier", "quantile_regression", "random_augmentation", "rmia", "rotation", "student_mia", "translation", "yoqo",
}  # fmt: skip

#: Those that all cases and all tests here share, as the attacks of a drill do.
SHADOW_MODELS = TemporaryDirectory(prefix="leakdrill-contract-")

every_case = pytest.mark.parametrize("case", CASES)


WORLDS = {"membership": world, "identity": world_of_people, "attribute": world_of_attributes}


def setting(case: str, source: Literal["memoriser", "null"], budget: int | None = None) -> World:
    """What the attack of this case is tried in: by what it tells apart, photos or people."""
    make = WORLDS[CASES[case][0].goal]
    if "source_model" in CASES[case][0].needs:
        make = world_of_weights
    made = make(source, budget=budget)
    if "cbig/source" not in CASES[case][0].victims:
        made = of_students(made)
    cached = replace(made.view, cache=ModelCache(Path(SHADOW_MODELS.name)))  # test_pool.py has it that this is sound
    return replace(made, view=cached)


@cache
def verdict(case: str, source: Literal["memoriser", "null"]) -> Verdict:
    return CASES[case][0].run(setting(case, source).view)


def auc(case: str, source: Literal["memoriser", "null"]) -> float:
    return float(roc_auc_score(setting(case, source).is_member, verdict(case, source).scores))


def test_every_registered_attack_has_a_case_here() -> None:
    assert {attack.kind for attack, _, _ in CASES.values()} == set(ATTACKS)


@pytest.mark.parametrize("kind", ATTACKS)
def test_the_docstring_starts_with_one_line_that_cites_its_source(kind: str) -> None:
    first_line, *rest = (ATTACKS[kind].__doc__ or "").split("\n")
    assert first_line.endswith(".")
    assert not rest or not rest[0].strip()
    assert re.search(r"\((TransMIA,? .*(section|appendix)|[A-Z][\w-]+( et al\.| and \w+)? \d{4}[,)])", first_line)


@pytest.mark.parametrize("kind", ATTACKS)
def test_an_attack_is_named_after_its_kind_unless_it_is_given_a_name(kind: str) -> None:
    assert ATTACKS[kind]().name == kind
    assert ATTACKS[kind](name="after").name == "after"


@every_case
def test_scores_and_decisions_have_one_entry_per_example(case: str) -> None:
    got = verdict(case, "memoriser")
    assert got.scores.shape == got.decisions.shape == (NUM_CHALLENGED,)
    assert got.scores.dtype == np.float64
    assert got.decisions.dtype == np.bool_
    assert np.isfinite(got.scores).all()


@every_case
def test_there_are_scores_for_each_budget_that_the_attack_announces(case: str) -> None:
    got = verdict(case, "memoriser")
    assert tuple(got.by_queries) == CASES[case][0].budgets
    for scores in got.by_queries.values():
        assert (scores.shape, scores.dtype) == ((NUM_CHALLENGED,), np.float64)
        assert np.isfinite(scores).all()
    if got.by_queries:  # with all its queries it says what it says
        np.testing.assert_array_equal(list(got.by_queries.values())[-1] > 0, got.decisions)


@every_case
def test_decisions_agree_with_the_order_of_scores(case: str) -> None:
    got = verdict(case, "memoriser")
    if got.decisions.any() and not got.decisions.all():
        assert got.scores[got.decisions].min() > got.scores[~got.decisions].max()


@every_case
def test_the_same_view_gives_the_same_verdict(case: str) -> None:
    again = CASES[case][0].run(setting(case, "memoriser").view)
    np.testing.assert_array_equal(again.scores, verdict(case, "memoriser").scores)
    np.testing.assert_array_equal(again.decisions, verdict(case, "memoriser").decisions)
    assert again.notes == verdict(case, "memoriser").notes
    for queries, scores in again.by_queries.items():
        np.testing.assert_array_equal(scores, verdict(case, "memoriser").by_queries[queries])


@every_case
def test_a_verdict_does_not_depend_on_the_order_of_the_challenge(case: str) -> None:
    order = np.random.default_rng(1).permutation(NUM_CHALLENGED)
    permuted = CASES[case][0].run(setting(case, "memoriser").permuted(order).view)
    np.testing.assert_allclose(permuted.scores, verdict(case, "memoriser").scores[order], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(permuted.decisions, verdict(case, "memoriser").decisions[order])


@every_case
def test_queries_are_those_that_were_announced(case: str) -> None:
    attack, of_source, of_target = CASES[case]
    here = setting(case, "memoriser")
    attack.run(here.view)
    of_csmall = sum(count for model, count in here.num_asked.items() if model.startswith("csmall/"))
    most = attack.most_queries(NUM_CHALLENGED)
    if of_source and most:  # it announces a limit, and may come to know with less
        assert of_source == most
        assert NUM_CHALLENGED <= here.num_asked["cbig/source"] <= most
        assert of_csmall == of_target
    else:
        assert (here.num_asked.get("cbig/source", 0), of_csmall) == (of_source, of_target)


@every_case
def test_an_exhausted_budget_is_an_error_and_not_a_verdict(case: str) -> None:
    if "source_model" in CASES[case][0].needs:
        pytest.skip("it asks nothing")
    with pytest.raises(BudgetExhausted):
        CASES[case][0].run(setting(case, "memoriser", budget=min(NUM_CHALLENGED, max(CASES[case][1:])) - 1).view)


@pytest.mark.parametrize("case", sorted(REFUSES_LABELS))
def test_labels_of_no_class_are_refused_before_anything_is_asked(case: str) -> None:
    here = setting(case, "memoriser")
    labels = here.view.challenge.labels + here.view.num_classes * (np.arange(NUM_CHALLENGED) == 7)
    view = replace(here.view, challenge=replace(here.view.challenge, labels=labels))
    with pytest.raises(InvalidInput, match=r"challenge has labels from 0 to \d, wanted 0 to 3"):
        CASES[case][0].run(view)
    assert not any(here.num_asked.values())


@pytest.mark.parametrize("case", sorted(set(CASES) - POWERLESS))
def test_a_memoriser_is_found_out(case: str) -> None:
    assert auc(case, "memoriser") > 0.7


@every_case
def test_a_model_that_remembers_nothing_gives_nothing_away(case: str) -> None:
    assert abs(auc(case, "null") - 0.5) < 0.1  # 3.5 standard errors of 200 + 200 examples
    right = (verdict(case, "null").decisions == setting(case, "null").is_member).mean()
    assert abs(right - 0.5) < 0.1


@every_case
def test_needs_are_spelt_as_scenarios_grant_them(case: str) -> None:
    known = {
        "shadow_examples",
        "teacher_examples",
        "architecture",
        "target_examples",
        "transfer_method",
        "feature_extractor",
    }
    known |= {"source_model"}
    known |= {"labelled_identities", "labelled_attributes"}
    for need in CASES[case][0].needs:
        assert need in known or re.fullmatch(API, need)
