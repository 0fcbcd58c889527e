"""Whether a scenario's networks, their training and its attacks are made for what the data set has: images or rows."""

from collections import OrderedDict
from collections.abc import Iterator
from functools import reduce
from typing import Any

import torch
from torch import nn

from leakdrill.archs import ARCHS, cut
from leakdrill.archs.fully_connected import FullyConnected
from leakdrill.archs.own import Own
from leakdrill.attacks.base import Attack
from leakdrill.attacks.people.face_api import FaceAttack
from leakdrill.attacks.tuning.defended import OnShadows
from leakdrill.data.tasks import challenge_per_class
from leakdrill.datasets.table import TableSpec
from leakdrill.defences.training.combining import arch_has_batch_norm, contradiction
from leakdrill.defences.training.dp_sgd import DpSgd
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.standing import defences_of_victim


def check_suited(scenario: Scenario) -> None:
    """Raises ScenarioError for a network of the other form, for images' changes to rows, and for a privacy that is out
    of reach. Opens no data set."""
    _check_privacy(scenario)
    dataset, arch = scenario.data.dataset, scenario.cbig.source_model.arch
    has_rows, takes_rows = isinstance(dataset, TableSpec), isinstance(arch, FullyConnected)
    if has_rows != takes_rows:
        raise ScenarioError(
            f"cbig.source_model.arch {arch.kind} takes {'rows' if takes_rows else 'images'}, and data.set "
            f"{dataset.set} has {'rows: choose fully_connected' if has_rows else 'images: choose another arch'}"
        )
    _check_release(scenario)
    if has_rows:
        _check_fit("cbig.source_model.fit, with its defences,", scenario.cbig.source_model.defended_fit)
        _check_fit("csmall.target_model.fit", scenario.csmall.target_model.fit)
        for defence in (*scenario.cbig.source_model.defences, *scenario.cbig.release_defences):
            if isinstance(fit := getattr(defence, "fit", None), Fit):
                _check_fit(f"{defence.kind}.fit", fit)


def _check_privacy(scenario: Scenario) -> None:
    """Raises ScenarioError for a privacy out of reach, or one that what stands before the model would not keep to."""
    for defence in scenario.cbig.source_model.defences:
        if not isinstance(defence, DpSgd):
            continue
        defence.check(2 * scenario.data.splits.source_train)  # of two classes at least
        for other in scenario.cbig.api.defences:
            if other.is_fitted and not other.spares_members:
                raise ScenarioError(
                    f"cbig.api.defences has {other.kind}, which is fitted on members, and no part of the epsilon that "
                    "dp_sgd would report: leave one of the two out, or choose one that is not fitted on them "
                    "(purification, temperature, rounding)"
                )


def _check_release(scenario: Scenario) -> None:
    """Raises ScenarioError for a release defence that what is released is too small for."""
    spec = scenario.cbig.source_model
    if not scenario.cbig.release_defences or isinstance(spec.arch, Own):  # of which only cbig knows the blocks
        return
    known = {"num_features": 1} if isinstance(spec.arch, FullyConnected) else {}  # how many is not known yet
    with torch.device("meta"):
        model = nn.Sequential(OrderedDict(spec.arch.model_copy(update=known).blocks(num_classes=2)))
    shared = model if scenario.cbig.releases == "source_model" else cut(model, spec.cut)[0]
    blocks = [name for name, block in shared.named_children() if block.state_dict()]
    for defence in scenario.cbig.release_defences:
        defence.check(blocks)


def check_attack_suited(attack: Attack, scenario: Scenario) -> None:
    """Raises ScenarioError for an attack that changes images, on rows, or one with a network of the other form."""
    dataset = scenario.data.dataset
    has_rows, told = isinstance(dataset, TableSpec), f"attack {attack.name!r} ({attack.kind})"
    if has_rows and not attack.takes_rows:
        raise ScenarioError(
            f"{told} changes images, and data.set {dataset.set} has rows: choose one that takes rows, like "
            "noise_robustness, or settings with which it takes them"
        )
    for key, value in _settings(attack):
        is_arch = isinstance(value, tuple(ARCHS.values()))
        if is_arch and isinstance(value, FullyConnected) != has_rows:
            raise ScenarioError(
                f"{told}: {key} {value.kind} takes {'images' if has_rows else 'rows'}, and data.set {dataset.set} has "
                + (f"rows: set its {key} to fully_connected" if has_rows else f"images: set its {key} to another")
            )
        if has_rows and isinstance(value, Fit):
            _check_fit(f"{told}: {key}", value)
    if isinstance(attack, FaceAttack):
        _check_faces(attack, told, scenario)
    for part in _parts(attack):
        _check_shadows(part, told, scenario)


def _check_faces(attack: FaceAttack, told: str, scenario: Scenario) -> None:
    """Raises ScenarioError for people of too few photos, and for more scores than recognition gives."""
    photos = challenge_per_class(scenario.data) if attack.goal == "identity" else attack.least_photos
    if photos < attack.least_photos:
        raise ScenarioError(
            f"{told} judges people by {attack.least_photos} photos or more, and data.challenge.per_class is {photos}: "
            "raise it"
        )
    num_scores = scenario.data.target.classes if scenario.data.target else 0
    if attack.api == "recognition" and attack.extractor == "api" and num_scores and attack.most_scores > num_scores:
        raise ScenarioError(
            f"{told} goes by {attack.most_scores} scores, and csmall's recognition gives {num_scores}: lower top_k or "
            "num_scores, or raise data.target.classes"
        )


def _check_shadows(attack: Attack, told: str, scenario: Scenario) -> None:
    """Raises ScenarioError where its shadow models cannot run the training defences of cbig's."""
    if not isinstance(attack, OnShadows) or not attack.defended_shadows:
        return
    known = defences_of_victim(scenario).training
    run = [defence for defence in known if attack.adapts_to(defence, "training")]
    arch = getattr(attack, "arch", None) or scenario.cbig.source_model.arch
    fit = reduce(lambda fit, defence: defence.changed_fit(fit), run, getattr(attack, "fit", Fit()))
    if run and (wrong := contradiction(run, fit, arch_has_batch_norm(arch))):
        raise ScenarioError(f"{told}, whose shadow models run cbig's defences: {wrong}")


def _parts(attack: Attack) -> Iterator[Attack]:
    """It, and the attacks inside it."""
    yield attack
    for key in type(attack).model_fields:
        if isinstance(inside := getattr(attack, key), Attack):
            yield from _parts(inside)


def _settings(attack: Attack, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What it is made of, by its key; of an attack inside it, too."""
    for key in type(attack).model_fields:
        value = getattr(attack, key)
        if isinstance(value, Attack):
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _check_fit(key: str, fit: Fit) -> None:
    if fit.flip or fit.translate or fit.shift or fit.cutout:
        raise ScenarioError(f"{key} has flip, translate, shift or cutout, which change images: leave them out for rows")
