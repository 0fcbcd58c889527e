"""LiRA's arithmetic by hand and beside the authors' numbers, its copies, and what it refuses."""

import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from leakdrill.archs import build
from leakdrill.attacks.base import View
from leakdrill.attacks.lira import COPIES, Lira, deviations_above, log_likelihood_ratio
from leakdrill.attacks.tuning.in_and_out import Evidence
from leakdrill.contract.worlds import ARCH, NUM_CLASSES, LocalOracle, World, world
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.models.training import predict

QUICK = Fit(epochs=1, batch_size=16)

#: Of 3 examples in 8 shadows, 2 queries each, drawn at random and rounded. What is expected of them was found by
#: running generate_ours and generate_ours_offline of the authors' plot.py on them (the latter on the first query).
IS_IN = np.array(
    [[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 0]], dtype=np.bool_
)
SHADOWS = np.array(
    [
        [[3.1, 2.9], [2.6, 2.1], [1.5, 2.4]],
        [[1.3, 0.9], [4.3, 3.7], [-1.6, -1.0]],
        [[0.7, 2.8], [3.8, 4.3], [-1.5, -1.3]],
        [[0.4, 1.0], [1.9, 3.4], [1.3, 2.4]],
        [[0.9, 0.1], [4.3, 4.1], [1.5, 2.2]],
        [[2.0, 2.8], [1.8, 2.5], [-0.8, -0.6]],
        [[2.3, 2.9], [5.8, 6.5], [0.7, 3.5]],
        [[1.3, 0.8], [2.3, 1.7], [0.5, 1.0]],
    ]
)
OBSERVED = np.array([[4.6, 3.6], [1.7, -1.4], [1.0, 2.3]])
EVIDENCE = Evidence(OBSERVED, SHADOWS, IS_IN)


def small(**changes: object) -> World:
    here = world("memoriser", per_class=5)
    return World(replace(here.view, **changes), here.is_member)


def test_the_likelihood_ratio_of_a_case_by_hand() -> None:
    """In: 2 and 4, so median 3 and deviation 1; out: -1 and 1. At 2 the squares are 1 and 4: (4 - 1) / 2 nats."""
    seen, unseen = np.array([2.0, 4.0]).reshape(2, 1, 1), np.array([-1.0, 1.0]).reshape(2, 1, 1)
    for shared in (True, False):
        assert log_likelihood_ratio(np.array([[2.0]]), seen, unseen, shared) == pytest.approx([1.5])
    assert deviations_above(np.array([[2.0]]), 3 * unseen, shared_variance=False) == pytest.approx([2 / 3])


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        (False, [-20.20597747945643, -1.2923118833597087, 5.060934236660535]),
        (True, [1.6328619851405475, -2.991474646488854, 1.7333173554284924]),
    ],
)
def test_online_scores_are_those_of_the_authors_code(shared: bool, expected: list[float]) -> None:
    got = log_likelihood_ratio(OBSERVED, EVIDENCE.seen, EVIDENCE.unseen, shared)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        (False, [-44.67345339148757, -0.560480097880883, -4.032419181506166]),
        (True, [-4.556581926863522, -1.2666616728856703, -2.48099328027824]),
    ],
)
def test_offline_deviations_give_the_densities_of_the_authors_code(shared: bool, expected: list[float]) -> None:
    unseen = EVIDENCE.unseen[:, :, :1]
    above = deviations_above(OBSERVED[:, :1], unseen, shared)
    deviation = unseen.std() if shared else unseen[:, :, 0].std(axis=0)
    np.testing.assert_allclose(-(above**2) / 2 - np.log(deviation * np.sqrt(2 * np.pi)), expected, rtol=1e-12)


def test_offline_too_unsure_is_no_sign_of_membership() -> None:
    unseen = np.array([0.0, 2.0]).reshape(2, 1, 1).repeat(3, axis=1)
    below, at, above = deviations_above(np.array([[-9.0], [1.0], [3.0]]), unseen, shared_variance=True)
    assert below < at < above


def test_an_example_of_which_shadows_are_all_as_sure_does_not_outweigh_all_others() -> None:
    seen = np.array([[5.0, 1.0], [5.0, 3.0]])[..., np.newaxis]
    score, _ = log_likelihood_ratio(np.array([[5.1], [2.0]]), seen, seen - 4, shared_variance=False)
    assert np.isfinite(score)
    assert abs(score) < 1e6


def test_shadows_that_say_the_same_of_everything_are_an_error() -> None:
    with pytest.raises(ScenarioError, match="as sure of one example as of any other"):
        log_likelihood_ratio(OBSERVED, np.ones((4, 3, 2)), np.ones((4, 3, 2)), shared_variance=True)


def test_a_rehearsal_leaves_the_shadow_and_its_twin_out() -> None:
    halves = np.array([[1, 0], [0, 1], [0, 0], [1, 1], [1, 0], [0, 1]], dtype=np.bool_)
    evidence = Evidence(np.empty(0), np.arange(12.0).reshape(6, 2, 1), halves).of_shadow(3)
    assert evidence.observed[:, 0].tolist() == [6, 7]
    assert evidence.seen[:, 0, 0].tolist() == [0, 8]  # shadows 0 and 4
    assert evidence.unseen[:, 0, 0].tolist() == [2, 10]
    assert evidence.seen[:, 1, 0].tolist() == [3, 11]


def copies(images: NDArray[np.uint8], augmentations: int) -> list[NDArray[np.uint8]]:
    return list(Lira(augmentations=augmentations).queries_about(images))


def test_copies_are_the_image_its_mirror_image_and_both_moved_by_a_pixel() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    plain, mirrored, up, _, down, *rest = copies(image, len(COPIES))
    np.testing.assert_array_equal(plain, image)
    np.testing.assert_array_equal(mirrored, image[:, :, ::-1])
    np.testing.assert_array_equal(up[:, :-1], image[:, 1:])
    np.testing.assert_array_equal(down[:, 1:], image[:, :-1])
    np.testing.assert_array_equal(down[:, 0], image[:, 1])  # mirrored at the edge
    assert all(copy.shape == image.shape for copy in rest)
    assert len({copy.tobytes() for copy in (plain, mirrored, up, down, *rest)}) == 17


def test_every_copy_is_asked_about_and_paid() -> None:
    here = small()
    attack = Lira(augmentations=3, num_shadows=4, fit=QUICK)
    attack.run(here.view)
    assert here.num_asked["cbig/source"] == 3 * 40 == attack.most_queries(40)


def test_an_answer_of_exactly_1_counts_for_the_example_as_it_is_and_not_for_its_copies() -> None:
    here = small()
    known = {image.tobytes() for image in here.view.challenge.inputs[:3]}

    def sure_of_copies_and_of_three(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        is_sure = [image.tobytes() not in plain or image.tobytes() in known for image in images]
        return np.where(np.array(is_sure)[:, np.newaxis], [[1, 0, 0, 0]], [[0.7, 0.1, 0.1, 0.1]]).astype(np.float32)

    plain = {image.tobytes() for image in here.view.challenge.inputs}
    oracle = LocalOracle("cbig/source", NUM_CLASSES, sure_of_copies_and_of_three)
    verdict = Lira(augmentations=4, num_shadows=4, fit=QUICK).run(small(oracles={"cbig/source": oracle}).view)
    assert verdict.notes["confidences_of_exactly_1"] == 3


def test_vectors_are_asked_about_as_they_are() -> None:
    vectors = np.zeros((2, 5), np.float32)
    (only,) = Lira().queries_about(vectors)
    assert only is vectors
    with pytest.raises(ScenarioError, match="set augmentations: 1"):
        list(Lira(augmentations=2).queries_about(vectors))


def test_logits_are_asked_for_where_the_api_gives_them() -> None:
    model = build(ARCH, NUM_CLASSES, seed=1)
    oracle = LocalOracle(
        "cbig/source", NUM_CLASSES, lambda images: 50 * predict(model, images), outputs=frozenset({"logits"})
    )
    verdict = Lira(output="logits", num_shadows=4, fit=QUICK).run(small(oracles={"cbig/source": oracle}).view)
    assert Lira(output="logits").needs >= {"cbig/source:logits"}
    assert verdict.notes["tied_scores"] == 0


@pytest.mark.parametrize(
    ("attack", "change", "message"),
    [
        (Lira(fit=QUICK), {"architecture": None}, "grant adversary.knows.architecture, or set the attack's arch"),
        (Lira(fit=QUICK), {"shadow_train": None}, "no shadow examples"),
        (Lira(fit=QUICK), {"shadow_train": "empty"}, "halves of 0 different shadow_train examples are too few"),
        (Lira(fit=QUICK), {"shadow_train": "repeated"}, "halves of 3 different shadow_train examples are too few"),
        (
            Lira(fit=QUICK, augmentations=18),
            {"shadow_train": "vectors", "challenge": "vectors"},
            "set augmentations: 1",
        ),
    ],
    ids=["architecture", "pools", "empty", "repeated", "vectors"],
)
def test_what_is_missing_is_said_before_anything_is_asked(
    attack: Lira, change: dict[str, object], message: str
) -> None:
    here = small()
    few = here.view.challenge.take(np.arange(20) % 3)
    stand_ins = {"empty": here.view.challenge.take(np.arange(0)), "repeated": few, "vectors": as_vectors(here.view)}
    changed = {key: stand_ins.get(value, value) if isinstance(value, str) else value for key, value in change.items()}
    with pytest.raises(ScenarioError, match=re.escape(message)):
        attack.run(replace(here.view, **changed))
    assert here.num_asked["cbig/source"] == 0


def as_vectors(view: View) -> Examples:
    inputs = view.challenge.inputs.reshape(len(view.challenge), -1)
    return Examples(inputs, view.challenge.labels)


def test_a_victim_that_is_as_sure_of_everything_is_an_error_before_any_training() -> None:
    oracle = LocalOracle(
        "cbig/source", NUM_CLASSES, lambda images: np.full((len(images), NUM_CLASSES), 0.25, np.float32)
    )
    told: list[str] = []
    view = small(oracles={"cbig/source": oracle}, progress=lambda fraction, message: told.append(message)).view
    with pytest.raises(ScenarioError, match="as sure of the true label of each of 40 examples"):
        Lira(fit=QUICK).run(view)
    assert not told


def test_variances_of_their_own_need_two_shadows_of_either_kind_beside_the_pair_that_is_attacked() -> None:
    Lira(num_shadows=6, variance="per_example")
    with pytest.raises(ValidationError, match="needs num_shadows of 6 or more"):
        Lira(num_shadows=4, variance="per_example")
    assert Lira(num_shadows=62).has_shared_variance
    assert not Lira(num_shadows=64).has_shared_variance


@pytest.mark.parametrize("num_shadows", [0, 2, 5])
def test_shadows_come_in_pairs_and_two_pairs_at_least(num_shadows: int) -> None:
    with pytest.raises(ValidationError, match="num_shadows"):
        Lira(num_shadows=num_shadows)
