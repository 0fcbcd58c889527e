from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leakdrill.data.digests import SplitDigest
from leakdrill.data.forms import RowForm
from leakdrill.models.cache import ModelCache
from leakdrill.models.trained import Trained
from leakdrill.parties.config import CbigConfig
from leakdrill.parties.store import SplitStore
from leakdrill.parties.train import train_source
from leakdrill.scenario.schema import Api, SourceModel

FORM = RowForm(6)


@pytest.fixture
def store(tmp_path: Path) -> SplitStore:
    """Rows whose labels are noise: the longer a network trains, the better it knows them and nothing else."""
    store = SplitStore(tmp_path / "splits")
    generator = np.random.default_rng(3)
    for split in ("source_train", "source_validation", "source_test"):
        rows = generator.normal(size=(30, 6)).astype("<f4")
        files = [(row.tobytes(), int(label)) for row, label in zip(rows, generator.integers(0, 3, 30), strict=True)]
        digest = SplitDigest(FORM)
        for file, label in files:
            digest.add(file, label)
        store.write(split, FORM, digest.hexdigest(), len(files), files)
    return store


def trained(keep: str, store: SplitStore, root: Path, secret: int = 2, **changes: Any) -> Trained:
    fit = {"epochs": 12, "batch_size": 10}
    model = SourceModel.model_validate(
        {"arch": {"kind": "fully_connected", "num_features": 6}, "fit": fit, "keep": keep} | changes
    )
    config = CbigConfig(
        drill_id="one", seed=1, secret=secret, num_classes=3, form=FORM, source_model=model, api=Api(), query_budget=10
    )
    return train_source(config, store, ModelCache(root), lambda fraction, message: None)


def test_cbig_keeps_the_best_epoch_on_its_validation_split_or_the_last_one(store: SplitStore, tmp_path: Path) -> None:
    best, last = (trained(keep, store, tmp_path / "models") for keep in ("best", "last"))
    assert last.best_epoch == 12
    assert best.best_epoch < 12
    assert not best.from_cache
    assert not last.from_cache  # another model than the best one's
    right = [model.evaluations["source_validation"].num_correct for model in (best, last)]
    assert right[0] > right[1]


def test_noise_that_hides_members_hangs_on_the_secret_and_nothing_else_does(store: SplitStore, tmp_path: Path) -> None:
    private = {"defences": [{"kind": "dp_sgd", "noise_multiplier": 1.0, "delta": 0.01}]}
    kept = tmp_path / "models"
    one, other = (trained("last", store, kept, secret, **private) for secret in (2, 3))
    assert not other.from_cache
    assert one.weights_sha256 != other.weights_sha256
    assert trained("last", store, tmp_path / "elsewhere", 2, **private).weights_sha256 == one.weights_sha256
    trained("last", store, kept, 2)
    assert trained("last", store, kept, 3).from_cache
