import numpy as np
import pytest

from leakdrill.models.batches import epoch_batches, learning_rate
from leakdrill.models.fit import Fit


@pytest.mark.parametrize(
    ("num_examples", "batch_size", "sizes"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (8, 4, [4, 4]), (3, 4, [3]), (1, 4, [1]), (3, 1, [1, 1, 1])],
)
def test_every_example_is_in_one_batch_and_none_is_left_alone(
    num_examples: int, batch_size: int, sizes: list[int]
) -> None:
    batches = list(epoch_batches(num_examples, batch_size, np.random.default_rng(0)))
    assert [len(rows) for rows in batches] == sizes
    assert sorted(np.concatenate(batches)) == list(range(num_examples))


def test_every_epoch_has_an_order_of_its_own() -> None:
    generator = np.random.default_rng(0)
    first, second = (list(epoch_batches(40, 10, generator)) for _ in range(2))
    assert not np.array_equal(first[0], second[0])


def test_the_cosine_rises_to_the_full_rate_and_falls_to_nothing() -> None:
    fit = Fit(learning_rate=0.2)
    rates = [learning_rate(fit, step, 200) for step in range(200)]
    assert rates[0] == pytest.approx(0.2 / 10)
    assert max(rates) == pytest.approx(0.2, rel=0.01)
    assert rates.index(max(rates)) == 9
    assert rates[100] == pytest.approx(0.1)
    assert 0 < rates[-1] < 1e-4
    assert [learning_rate(Fit(schedule="constant"), step, 10) for step in range(10)] == [0.1] * 10
