"""Quantile regression: what the network learns of scores, the level of its decisions, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from leakdrill.attacks.confidences.score_regression import ScoreRegression, fit_score_regression, gaussian_loss
from leakdrill.attacks.quantile_regression import QuantileRegression
from leakdrill.contract.worlds import ARCH, NUM_CLASSES, LocalOracle, World, images, world
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError

MEANS = np.array([-4.0, 0.0, 2.0, 9.0])
DEVIATIONS = np.array([2.0, 0.5, 1.0, 0.5])


def small(**changes: object) -> World:
    here = world("memoriser", per_class=5)
    return World(replace(here.view, **changes), here.is_member)


def scored(seed: int, per_class: int) -> tuple[Examples, np.ndarray]:
    """Images of noise, and scores that depend on their class alone."""
    generator = np.random.default_rng(seed)
    examples = images(generator, per_class)
    return examples, generator.normal(MEANS[examples.labels], DEVIATIONS[examples.labels])


def fitted(epochs: int) -> tuple[ScoreRegression, int]:
    return fit_score_regression(ARCH, NUM_CLASSES, scored(1, 60), scored(2, 30), epochs, seed=3, progress=nothing)


def nothing(fraction: float, message: str) -> None:
    pass


def test_the_loss_is_minus_a_normal_log_density_but_for_its_constant() -> None:
    means, log_deviations, targets = torch.tensor([0.5, 1.0]), torch.tensor([-0.2, 0.3]), torch.tensor([1.0, -0.5])
    density = torch.distributions.Normal(means, log_deviations.exp()).log_prob(targets)
    constant = 0.5 * np.log(2 * np.pi)
    torch.testing.assert_close(gaussian_loss(means, log_deviations, targets), -density - constant)


def test_what_to_expect_of_an_example_is_learnt_mean_and_deviation() -> None:
    regression, best_epoch = fitted(epochs=60)
    examples, _ = scored(4, 25)
    at_mean = regression.deviations_above(examples, MEANS[examples.labels])
    above = regression.deviations_above(examples, (MEANS + 2 * DEVIATIONS)[examples.labels])
    assert best_epoch > 0
    for label in range(NUM_CLASSES):
        assert abs(np.median(at_mean[examples.labels == label])) < 1
        # wanted 2; by the distribution of all scores it would be 0.2 for the classes of the least deviation
        assert 0.6 < np.median((above - at_mean)[examples.labels == label]) < 4


def test_before_the_first_epoch_all_examples_are_expected_to_be_like_all_others() -> None:
    regression, best_epoch = fitted(epochs=0)
    examples, scores = scored(1, 60)
    assert best_epoch == 0
    np.testing.assert_allclose(
        regression.deviations_above(examples, scores), (scores - scores.mean()) / scores.std(), atol=1e-6
    )


def test_the_epoch_is_chosen_by_what_was_held_out() -> None:
    """Scores that have nothing to do with the example, in a network that could learn them by heart."""
    generator = np.random.default_rng(5)
    parts = [(images(generator, 10), generator.normal(size=40)) for _ in range(2)]
    _, best_epoch = fit_score_regression(ARCH, NUM_CLASSES, parts[0], parts[1], 40, seed=1, progress=nothing)
    assert best_epoch < 20


@pytest.mark.parametrize("level", [0.05, 0.3])
def test_decisions_call_that_share_of_non_members_in(level: float) -> None:
    here = world("null", per_class=100)
    attack = QuantileRegression(false_positive_rate=level, epochs=2, arch=ARCH)
    verdict = attack.run(here.view)
    assert abs(verdict.decisions[~here.is_member].mean() - level) < 0.15  # 30 held-out examples
    np.testing.assert_array_equal(verdict.decisions, verdict.scores > verdict.notes["threshold"])


def test_it_needs_no_architecture_and_no_shadow_models() -> None:
    assert QuantileRegression().needs == {"shadow_examples", "cbig/source:scores"}
    assert QuantileRegression(output="logits").needs == {"shadow_examples", "cbig/source:logits"}
    here = small(architecture=None, cache=None)
    assert np.isfinite(QuantileRegression(epochs=1, arch=ARCH).run(here.view).scores).all()


def test_it_asks_about_no_more_of_its_own_examples_than_it_may() -> None:
    here = small()
    attack = QuantileRegression(own_queries=30, epochs=1, arch=ARCH)
    assert attack.run(here.view).notes["own_examples"] == 30
    assert here.num_asked["cbig/source"] == attack.most_queries(40) == 70


def test_too_few_own_examples_are_an_error_before_anything_is_asked() -> None:
    here = small()
    few = here.view.challenge.take(np.arange(9))
    with pytest.raises(ScenarioError, match=r"18 own examples are too few .* raise data\.splits\.shadow_train"):
        QuantileRegression().run(replace(here.view, shadow_train=few, shadow_test=few))
    assert here.num_asked["cbig/source"] == 0


def test_a_victim_that_is_as_sure_of_everything_is_an_error() -> None:
    flat = LocalOracle("cbig/source", NUM_CLASSES, lambda inputs: np.full((len(inputs), NUM_CLASSES), 0.25, np.float32))
    with pytest.raises(ScenarioError, match="as sure of the true label of each of"):
        QuantileRegression(arch=ARCH).run(small(oracles={"cbig/source": flat}).view)
