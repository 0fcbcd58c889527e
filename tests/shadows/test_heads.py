import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from leakdrill.errors import ScenarioError
from leakdrill.shadows import HeadFit, Heads, heads_at_once, shuffled_batches, train_heads

NUM_CLASSES, WIDTH, NUM_SHADOWS = 5, 7, 11
FIT = HeadFit(batch_size=8, learning_rate=0.3, weight_decay=0.01)


def task() -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, NUM_CLASSES, 60)
    features = np.eye(NUM_CLASSES, WIDTH)[labels] + generator.normal(size=(60, WIDTH))
    draws = np.stack([generator.permutation(60)[:20] for _ in range(NUM_SHADOWS)])
    return torch.from_numpy(features.astype(np.float32)), torch.from_numpy(labels), draws


def trained(*steps: int, at_once: int | None = None, fit: HeadFit = FIT, seed: int = 4) -> list[Heads]:
    features, labels, draws = task()
    return train_heads(features, labels, draws, NUM_CLASSES, fit, steps, seed, at_once)


def test_full_batch_training_is_torchs_own_gradient_descent() -> None:
    features, labels, draws = task()
    initial, final = trained(0, 25, fit=FIT.model_copy(update={"batch_size": 20}))
    for shadow in range(NUM_SHADOWS):
        head = nn.Linear(WIDTH, NUM_CLASSES)
        head.load_state_dict({"weight": initial.weights[shadow], "bias": initial.biases[shadow]})
        optimiser = torch.optim.SGD(head.parameters(), FIT.learning_rate, FIT.momentum, weight_decay=FIT.weight_decay)
        for _ in range(25):
            optimiser.zero_grad()
            cross_entropy(head(features[draws[shadow]]), labels[draws[shadow]]).backward()
            optimiser.step()
        torch.testing.assert_close(final.weights[shadow], head.weight.detach(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(final.biases[shadow], head.bias.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("at_once", [1, 3, NUM_SHADOWS])
def test_heads_end_the_same_however_many_train_side_by_side(at_once: int) -> None:
    (ours,), (other,) = trained(30), trained(30, at_once=at_once)
    torch.testing.assert_close(other.weights, ours.weights, rtol=1e-4, atol=1e-5)


def test_a_checkpoint_is_what_shorter_training_ends_with() -> None:
    _, early, _ = trained(0, 10, 30)
    (short,) = trained(10)
    # batches are drawn for the whole length, but the first ones are the same
    torch.testing.assert_close(early.weights, short.weights, rtol=1e-5, atol=1e-6)


def test_the_seed_decides_heads_and_batches_and_the_global_generator_nothing() -> None:
    torch.manual_seed(1)
    (once,) = trained(5)
    torch.manual_seed(2)
    (again,), (other,) = trained(5), trained(5, seed=5)
    assert torch.equal(once.weights, again.weights)
    assert not torch.allclose(once.weights, other.weights)
    assert not torch.allclose(once.weights[0], once.weights[1])


def test_every_epoch_shows_each_example_of_the_draw_once() -> None:
    draw = np.arange(100, 112)
    batches = shuffled_batches(draw, batch_size=4, steps=6, seed=1)
    assert batches.shape == (6, 4)
    for epoch in (batches[:3], batches[3:]):
        assert sorted(epoch.flatten().tolist()) == draw.tolist()
    assert not torch.equal(batches[:3], batches[3:])


def test_scores_are_each_heads_softmax_on_its_own_rows() -> None:
    features, _, draws = task()
    (heads,) = trained(3)
    scores = heads.scores(features, draws)
    by_hand = torch.softmax(features[draws[4]] @ heads.weights[4].T + heads.biases[4], -1)
    np.testing.assert_allclose(scores[4], by_hand.numpy(), rtol=1e-5)
    np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)


def test_divergence_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(ScenarioError, match=r"lower head\.learning_rate, now 1e\+30"):
        trained(20, fit=HeadFit(learning_rate=1e30))


def test_groups_shrink_as_heads_grow_and_never_exceed_what_there_is() -> None:
    assert heads_at_once(8, 10, 16, num_shadows=3) == 3
    sizes = [heads_at_once(width, 100, 64, num_shadows=1000) for width in (64, 128, 256, 512, 4096)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 4
