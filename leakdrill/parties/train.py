"""The two models that a drill trains: cbig's source model f_s, and csmall's target model f_t built on g_s.

Each is fitted once on its owner's disk, and kept by the hash of all that made it.
"""

import time
from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import nn

from leakdrill.archs import build, cut
from leakdrill.defences.training import TrainingAccount, fit_defended
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.trained import Trained, digest
from leakdrill.models.training import Progress, evaluate
from leakdrill.models.transfer import adapt
from leakdrill.parties.config import CbigConfig, CsmallConfig
from leakdrill.parties.store import SplitStore
from leakdrill.plugins import code_of
from leakdrill.seeds import derive


def train_source(config: CbigConfig, store: SplitStore, cache: ModelCache, progress: Progress) -> Trained:
    """f_s, fitted on source_train with the scenario's defences; its epoch is chosen on source_validation, unless the
    last is to be kept.

    TransMIA (section 5.1) takes "the model with the best accuracy" without saying on what. Choosing on the test set
    would let the non-members of the challenge shape the model, so cbig has a validation split of its own.
    """
    spec = config.source_model
    model = build(spec.arch, config.num_classes, seed=derive(config.seed, "initial weights"))
    splits = ["source_train", "source_validation", "source_test"]
    train, validation = store.read("source_train"), store.read("source_validation")
    public_split = ["source_public"] if any(defence.needs_public for defence in spec.defences) else []

    def make() -> TrainingAccount:
        seed = derive(config.seed, "fit")
        public = store.read(public_split[0]) if public_split else None
        return fit_defended(
            model,
            train,
            spec.fit,
            spec.defences,
            seed,
            validation,
            progress,
            keep=spec.keep,
            public=public,
            secret=derive(config.secret, "fit"),
        )

    made_of = {
        "source_model": spec.model_dump(mode="json"),
        "num_classes": config.num_classes,
        "seed": config.seed,
        "data": _digests(store, splits[:2] + public_split),
    }
    if code := code_of(*spec.defences):
        made_of["plugins"] = code
    if any(defence.draws_in_secret for defence in spec.defences):
        made_of["secret"] = config.secret
    return _cached(model, made_of, make, splits, store, cache)


def adapt_target(
    config: CsmallConfig, released: Artefact, store: SplitStore, cache: ModelCache, progress: Progress
) -> Trained:
    """f_t = h_t ∘ g_t, with g_t frozen at g_s or fine-tuned from it, on target_train (TransMIA, section 2.2)."""
    spec = config.target_model
    fresh = build(released.description.arch, config.num_classes, seed=derive(config.seed, "initial weights"))
    _, head = cut(fresh, released.description.blocks[-1])
    splits = ["target_train", "target_test"]
    train = store.read("target_train")

    def make() -> TrainingAccount:
        fitted = adapt(released.module(), head, train, spec.fit, spec.transfer, derive(config.seed, "fit"), progress)
        fresh.load_state_dict(fitted.state_dict())
        return TrainingAccount(spec.fit.epochs, {})

    made_of = {
        "target_model": spec.model_dump(mode="json"),
        "released": digest(released.weights),
        "num_classes": config.num_classes,
        "seed": config.seed,
        "data": _digests(store, splits[:1]),
    }
    return _cached(fresh, made_of, make, splits, store, cache)


def _cached(
    model: nn.Sequential,
    made_of: dict[str, object],
    make: Callable[[], TrainingAccount],
    splits: list[str],
    store: SplitStore,
    cache: ModelCache,
) -> Trained:
    """`model` made by `make` (which fits it in place), or loaded if it was made before."""

    def making() -> tuple[dict[str, torch.Tensor], dict[str, object]]:
        start = time.monotonic()
        account = make()
        return model.state_dict(), {**asdict(account), "seconds": time.monotonic() - start}

    weights, meta, from_cache = cache.get_or_make(made_of, making)
    model.load_state_dict(weights)
    model.eval()
    evaluations = {split: evaluate(model, store.read(split)) for split in splits}
    sha256 = digest(model.state_dict())
    return Trained(model, evaluations, meta["best_epoch"], meta["seconds"], from_cache, sha256, meta["notes"])


def _digests(store: SplitStore, splits: list[str]) -> dict[str, str]:
    held = store.held()
    return {split: held[split] for split in splits}
