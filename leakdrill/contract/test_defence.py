"""The contract of a defence at prediction time, on the one that --plugin names."""

from pathlib import Path

import numpy as np
import pytest

from leakdrill.contract.defended import named
from leakdrill.defences import guard
from leakdrill.defences.base import Defence, Keys, Owner, Scores
from leakdrill.models.cache import ModelCache

NUM_EXAMPLES = 60


@pytest.fixture
def defence(request: pytest.FixtureRequest) -> Defence:
    given = named(request)
    assert isinstance(given, Defence)
    if "scores" not in given.defends:
        pytest.skip("it defends no scores")
    return given


def asked(seed: int = 1) -> tuple[Scores, Keys]:
    """Scores (N, 4) as a model gives them, and their examples' keys."""
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.full(4, 0.3), NUM_EXAMPLES), generator.integers(0, 2**63, NUM_EXAMPLES, np.uint64)


def shown(defence: Defence, directory: Path, rows: slice = slice(None)) -> Scores:
    owner = Owner(lambda: (asked(2)[0], asked(3)[0]), {}, 7, ModelCache(directory))
    scores, keys = asked()
    return guard([defence], owner).defend(scores[rows], keys[rows])


def test_answers_are_probabilities(defence: Defence, tmp_path: Path) -> None:
    answers = shown(defence, tmp_path)
    assert answers.shape == (NUM_EXAMPLES, 4)
    assert (answers >= 0).all()  # no NaN either
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)


def test_the_label_stays_where_it_says_so(defence: Defence, tmp_path: Path) -> None:
    if not defence.keeps_argmax:
        pytest.skip("it does not say so")
    np.testing.assert_array_equal(shown(defence, tmp_path).argmax(axis=1), asked()[0].argmax(axis=1))


def test_an_answer_does_not_depend_on_its_company(defence: Defence, tmp_path: Path) -> None:
    if defence.fresh_deviation:
        pytest.skip("it is another each time")
    np.testing.assert_allclose(shown(defence, tmp_path, slice(7, 20)), shown(defence, tmp_path)[7:20], atol=1e-12)
