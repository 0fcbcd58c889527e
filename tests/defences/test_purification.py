from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from leakdrill.defences import MemGuard, Purification, Temperature, guard
from leakdrill.defences.dense import layers_of
from leakdrill.defences.purification import fit_purifier, purified
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from tests.defences.answers import keys, members, non_members, owner

NUM_CLASSES = 10
FIT = Fit(epochs=60, batch_size=64, learning_rate=0.5, weight_decay=0)


def test_answers_about_others_pass_nearly_as_they_are_and_those_about_members_tell_less() -> None:
    layers = layers_of(fit_purifier(non_members(400, NUM_CLASSES, 1), FIT, seed=3))
    of_members, of_others = (make(1000, NUM_CLASSES, 7) for make in (members, non_members))
    told_members, told_others = purified(layers, of_members), purified(layers, of_others)
    assert np.abs(told_others - of_others).sum(axis=1).mean() < 0.5  # of at most 2
    assert (told_others.argmax(axis=1) == of_others.argmax(axis=1)).all()
    assert area(told_members, told_others) < area(of_members, of_others) - 0.02


def area(of_members: np.ndarray, of_others: np.ndarray) -> float:
    """AUC of the largest score as a sign of membership."""
    scores = np.concatenate([of_members.max(axis=1), of_others.max(axis=1)])
    return float(roc_auc_score(np.repeat([1, 0], [len(of_members), len(of_others)]), scores))


def test_what_is_kept_computes_what_was_fitted_its_batch_normalisation_folded_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fitted: list[nn.Module] = []
    monkeypatch.setattr(
        "leakdrill.defences.purification.match", lambda network, *rest: fitted.append(_with_statistics(network))
    )
    scores = members(20, NUM_CLASSES)
    layers = layers_of(fit_purifier(non_members(50, NUM_CLASSES), FIT, seed=3))
    with torch.inference_mode():
        expected = fitted[0](torch.from_numpy(scores).float()).softmax(1).numpy()
    assert np.sort(purified(layers, scores)) == pytest.approx(np.sort(expected), abs=1e-5)  # but for the top class


def _with_statistics(network: nn.Module) -> nn.Module:
    """As if it had been trained."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.normal_(generator=torch.Generator().manual_seed(1))
            module.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(2))
    return network.eval()


def test_the_purifier_is_fitted_once_for_what_made_it(tmp_path: Path) -> None:
    defence, scores = Purification(fit=FIT.model_copy(update={"epochs": 2})), members(20, NUM_CLASSES)
    first, again = (guard([defence], owner(tmp_path, NUM_CLASSES)).defend(scores, keys(20)) for _ in range(2))
    assert (first == again).all()
    assert len(list(tmp_path.glob("*/meta.json"))) == 1


def test_what_is_fitted_on_the_models_own_scores_stands_before_them(tmp_path: Path) -> None:
    own = owner(tmp_path, NUM_CLASSES)
    guard([Purification(fit=FIT.model_copy(update={"epochs": 1})), Temperature()], own)
    with pytest.raises(ScenarioError, match="behind temperature it would stand before others: put memguard first"):
        guard([Temperature(), MemGuard()], own)
    with pytest.raises(ScenarioError, match="and leave one out"):
        guard([Purification(), MemGuard()], own)


def test_batches_of_one_row_which_nothing_can_be_normalised_over_are_refused() -> None:
    with pytest.raises(ScenarioError, match="batch normalisation needs batches of at least 2"):
        fit_purifier(non_members(20, NUM_CLASSES), FIT.model_copy(update={"batch_size": 1}), seed=3)
