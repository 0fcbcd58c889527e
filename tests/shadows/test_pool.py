import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from leakdrill.archs import SmallCnn
from leakdrill.contract.worlds import ARCH, NUM_CLASSES, images, leaked
from leakdrill.data.digests import digests_of
from leakdrill.data.examples import Examples
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.shadows import FromScratch, ShadowPool, Transferred, random_halves, shadow_models

RECIPE = FromScratch(ARCH, NUM_CLASSES, Fit(epochs=1, batch_size=16))
EXAMPLES = images(np.random.default_rng(1), 10)


def pool_of(examples: Examples, num_pairs: int = 1, seed: int = 2) -> ShadowPool:
    digests = digests_of(examples)
    return ShadowPool(RECIPE, examples, digests, random_halves(digests, num_pairs, seed), seed)


def weights(pool: ShadowPool, cache: ModelCache | None = None, num_workers: int = 1) -> list[torch.Tensor]:
    models = shadow_models(pool, cache, num_workers, nothing)
    return [torch.cat([tensor.double().flatten() for tensor in model.state_dict().values()]) for model in models]


def entries(cache: Path) -> list[Path]:
    """The folders of the models that are kept."""
    return [meta.parent for meta in cache.glob("*/meta.json")]


def nothing(fraction: float, message: str) -> None:
    pass


def forbidden(*arguments: object) -> None:
    raise AssertionError("trained again")


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(ShadowPool, "train", forbidden)


def test_what_was_trained_once_is_never_trained_again(tmp_path: Path, no_training: Callable[[], None]) -> None:
    first = weights(pool_of(EXAMPLES), ModelCache(tmp_path))
    assert len(entries(tmp_path)) == 2
    no_training()  # as after the adversary was killed
    again = weights(pool_of(EXAMPLES), ModelCache(tmp_path))
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))


def test_more_shadows_keep_the_first_ones(tmp_path: Path) -> None:
    few = weights(pool_of(EXAMPLES, num_pairs=1), ModelCache(tmp_path))
    told: list[tuple[float, str]] = []
    pool, cache = pool_of(EXAMPLES, num_pairs=2), ModelCache(tmp_path)
    more = list(shadow_models(pool, cache, 1, lambda *progress: told.append(progress)))
    assert told == [(0.5, "shadow model 1 of 2"), (1.0, "shadow model 2 of 2")]
    assert len(more) == 4
    assert all(torch.equal(*pair) for pair in zip(few, weights(pool, cache)[:2], strict=True))


def test_workers_leave_the_same_models_on_the_disk(tmp_path: Path) -> None:
    here = weights(pool_of(EXAMPLES), ModelCache(tmp_path / "here"))
    told: list[tuple[float, str]] = []
    pool, cache = pool_of(EXAMPLES), ModelCache(tmp_path / "elsewhere")
    list(shadow_models(pool, cache, 2, lambda *progress: told.append(progress)))
    assert told[-1] == (1.0, "shadow model 2 of 2")
    assert all(torch.equal(*pair) for pair in zip(here, weights(pool, cache), strict=True))
    assert {entry.name for entry in entries(tmp_path / "here")} == {
        entry.name for entry in entries(tmp_path / "elsewhere")
    }


@pytest.mark.parametrize(("num_workers", "num_kept"), [(1, 2), (1, 1), (2, 2)])
def test_a_damaged_model_is_trained_again_and_counted_with_the_missing(
    num_workers: int, num_kept: int, tmp_path: Path
) -> None:
    wanted = weights(pool_of(EXAMPLES), ModelCache(tmp_path))
    pool, cache = pool_of(EXAMPLES), ModelCache(tmp_path)
    whole = [entry for entry in entries(tmp_path) if record(entry) == pool.made_of(0)]
    (whole[0] / "weights.safetensors").write_bytes(b"cut short")
    for entry in entries(tmp_path):
        if num_kept == 1 and entry != whole[0]:
            shutil.rmtree(entry)
    told: list[float] = []
    list(shadow_models(pool, cache, num_workers, lambda fraction, message: told.append(fraction)))
    assert told == ([1.0] if num_kept == 2 else [0.5, 1.0])
    assert all(torch.equal(*pair) for pair in zip(wanted, weights(pool, cache), strict=True))


def record(entry: Path) -> dict[str, object]:
    """What made the model that is kept there, but for PyTorch's version."""
    made_of: dict[str, object] = json.loads((entry / "meta.json").read_bytes())["made_of"]
    return {key: value for key, value in made_of.items() if key != "torch"}


def test_the_order_of_the_examples_makes_no_other_models(tmp_path: Path) -> None:
    order = np.random.default_rng(3).permutation(len(EXAMPLES))
    here, there = pool_of(EXAMPLES), pool_of(EXAMPLES.take(order))
    np.testing.assert_array_equal(there.is_in, here.is_in[:, order])
    assert [there.made_of(shadow) for shadow in (0, 1)] == [here.made_of(shadow) for shadow in (0, 1)]
    assert all(torch.equal(*pair) for pair in zip(weights(here), weights(there), strict=True))


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize(
    ("at", "arch", "method"), [(None, ARCH, "fine_tune"), ("conv1", ARCH, "freeze"), (None, None, "freeze")]
)
def test_what_starts_from_a_leak_is_kept_too(
    at: str | None,
    arch: SmallCnn | None,
    method: Literal["freeze", "fine_tune"],
    num_workers: int,
    tmp_path: Path,
    no_training: Callable[[], None],
) -> None:
    recipe = Transferred.of(leaked(at), arch, NUM_CLASSES, RECIPE.fit, method)
    pool = replace(pool_of(EXAMPLES), recipe=recipe)
    made = weights(pool, ModelCache(tmp_path), num_workers)
    fitted = recipe.make(EXAMPLES.take(pool._rows_of(1)), pool._seed_of(1))
    assert torch.equal(made[1], torch.cat([tensor.double().flatten() for tensor in fitted.state_dict().values()]))
    no_training()
    assert all(torch.equal(*pair) for pair in zip(made, weights(pool, ModelCache(tmp_path)), strict=True))


def test_another_leak_another_transfer_and_another_architecture_make_another_model() -> None:
    plain = Transferred.of(leaked(), ARCH, NUM_CLASSES, RECIPE.fit, "freeze")
    weights = {name: tensor + 1 for name, tensor in leaked().weights.items()}
    others = [
        replace(plain, leaked=tuple(replace(leaked(), weights=weights).to_parts())),
        replace(plain, leaked=tuple(leaked("conv2").to_parts())),
        replace(plain, method="fine_tune"),
        replace(plain, arch=None),
        replace(plain, fit=Fit(epochs=2, batch_size=16)),
        replace(plain, num_classes=NUM_CLASSES + 1),
        RECIPE,
    ]
    keys = [json.dumps(recipe.made_of(), sort_keys=True) for recipe in (plain, *others)]
    assert len(set(keys)) == len(keys)
    again = Transferred.of(leaked(), ARCH, NUM_CLASSES, RECIPE.fit, "freeze")
    assert again.made_of() == plain.made_of()


@pytest.mark.parametrize(
    "other",
    [
        lambda pool: replace(pool, seed=pool.seed + 1),
        lambda pool: replace(pool, recipe=replace(RECIPE, fit=Fit(epochs=2, batch_size=16))),
        lambda pool: replace(pool, recipe=replace(RECIPE, num_classes=NUM_CLASSES + 1)),
        lambda pool: replace(pool, is_in=~pool.is_in),
    ],
    ids=["seed", "fit", "classes", "examples"],
)
def test_a_model_that_something_else_makes_is_another(other: Callable[[ShadowPool], ShadowPool]) -> None:
    pool = pool_of(EXAMPLES)
    assert other(pool).made_of(0) != pool.made_of(0)


def test_every_example_is_in_exactly_half_of_the_shadows_and_in_one_of_each_pair() -> None:
    is_in = random_halves(digests_of(EXAMPLES), num_pairs=4, seed=1)
    assert is_in.shape == (8, 40)
    assert (is_in.sum(axis=0) == 4).all()
    assert (is_in.sum(axis=1) == 20).all()
    assert (is_in[::2] ^ is_in[1::2]).all()
    assert len(np.unique(is_in, axis=0)) == 8


def test_equal_examples_are_in_the_same_shadows() -> None:
    """As rows of a table can be: a shadow trained on one of them was trained on the other."""
    digests = np.array(["b", "a", "b", "c", "d", "a", "b"])
    is_in = random_halves(digests, num_pairs=8, seed=1)
    for row, digest in enumerate(digests):
        np.testing.assert_array_equal(is_in[:, row], is_in[:, digests.tolist().index(digest)])
    of_distinct = is_in[:, [1, 0, 3, 4]]
    np.testing.assert_array_equal(of_distinct.sum(axis=0), 8)
    np.testing.assert_array_equal(of_distinct.sum(axis=1), 2)
    np.testing.assert_array_equal(of_distinct, random_halves(np.array(["a", "b", "c", "d"]), num_pairs=8, seed=1))


def test_a_digest_tells_contents_labels_and_kinds_apart() -> None:
    zeros = np.zeros((2, 2, 2, 3), np.uint8)
    (plain, labelled), (wide, _) = (
        digests_of(Examples(zeros, np.array([0, 1]))),
        digests_of(Examples(zeros.reshape(2, 4, 1, 3), np.array([0, 1]))),
    )
    (vector,) = digests_of(Examples(np.zeros((1, 3), np.float32), np.array([0])))
    assert len({plain, labelled, wide, vector}) == 4
    assert plain == hashlib.sha256(b"|u1(2, 2, 3) 0 " + bytes(12)).hexdigest()
