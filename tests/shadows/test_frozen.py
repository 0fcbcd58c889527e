import numpy as np
import pytest
from scipy import stats

from leakdrill.contract.worlds import NUM_CLASSES, images, leaked
from leakdrill.shadows import FrozenShadows, HeadFit, draw_shadow_sets, train_frozen_shadows, true_confidences
from leakdrill.shadows.frozen import CHECKPOINTS, wasserstein_distance


def frozen(steps: int | str = "auto") -> FrozenShadows:
    generator = np.random.default_rng(1)
    train, test = images(generator, 15), images(generator, 15)
    draws = draw_shadow_sets(train, test, num_shadows=6, shadow_size=30, seed=2)
    module = leaked().module()
    return train_frozen_shadows(
        module, train, test, draws, NUM_CLASSES, HeadFit(steps=steps, batch_size=16), 3, lambda fraction, message: None
    )


def test_heads_that_train_longer_know_more_of_what_they_have_seen_than_of_what_they_have_not() -> None:
    shadows = frozen()
    gaps = []
    for checkpoint in range(len(CHECKPOINTS)):
        records = shadows.records(checkpoint)
        confidences = true_confidences(records.scores, records.labels)
        gaps.append(confidences[records.is_member].mean() - confidences[~records.is_member].mean())
    assert gaps[-1] > gaps[0] + 0.05


@pytest.mark.parametrize("checkpoint", [0, 2, 4])
def test_a_source_that_answers_as_the_heads_of_a_checkpoint_do_is_told_by_its_distance(checkpoint: int) -> None:
    shadows = frozen()
    records = shadows.records(checkpoint)
    unseen = ~records.is_member
    distances = shadows.distances(true_confidences(records.scores[unseen], records.labels[unseen])[::2])
    assert int(np.argmin(distances)) == checkpoint


def test_a_given_number_of_steps_is_the_only_checkpoint() -> None:
    assert tuple(frozen(steps=7).steps) == (7,)


def test_the_distance_is_scipys() -> None:
    generator = np.random.default_rng(1)
    a, b = generator.random(40).astype(np.float32), generator.random(70).astype(np.float32) ** 2
    assert wasserstein_distance(a, b) == pytest.approx(stats.wasserstein_distance(a, b), rel=1e-6)
    assert wasserstein_distance(a, a) == 0


def test_the_distance_between_two_points_is_how_far_they_are_apart() -> None:
    assert wasserstein_distance(np.float32([0.2]), np.float32([0.7])) == pytest.approx(0.5)
