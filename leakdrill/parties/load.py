"""A company's model as its owner trained it elsewhere, in the place of one that the drill trains (parties/train.py)."""

import time
from dataclasses import replace

from leakdrill.archs.own import Own
from leakdrill.errors import ScenarioError
from leakdrill.models.loaded import built, check_same, fill, read_weights, rebuilt
from leakdrill.models.tracing import Traced, trace
from leakdrill.models.trained import Trained, digest
from leakdrill.models.training import evaluate
from leakdrill.parties.config import CbigConfig, CsmallConfig
from leakdrill.parties.store import SplitStore
from leakdrill.scenario.models import SourceModel, TargetModel


def load_source(config: CbigConfig, store: SplitStore) -> tuple[CbigConfig, Trained]:
    """f_s with its owner's weights, and the configuration in which the architecture is a graph.

    Raises ScenarioError for a builder or weights that will not do, and for a model of other classes than the data's.
    """
    spec, splits = config.source_model, ["source_train", "source_validation", "source_test"]
    traced, loaded = _loaded(spec, config.num_classes, store, splits)
    architecture = traced.graph.model_dump(mode="json")
    source_model = spec.model_copy(update={"arch": traced.graph, "cut": traced.cut})
    return config.model_copy(update={"source_model": source_model}), replace(
        loaded, notes={"architecture": architecture}
    )


def load_target(config: CsmallConfig, store: SplitStore) -> tuple[Traced, Trained]:
    """f_t with its owner's weights, and the graph that it is. Raises what `load_source` raises."""
    try:
        return _loaded(config.target_model, config.num_classes, store, ["target_train", "target_test"])
    except ScenarioError as error:
        told = str(error).replace("cbig.source_model", "csmall.target_model").replace("which cbig releases", "g_t")
        raise ScenarioError(told.replace("data.members", "data.target.dataset")) from error


def _loaded(
    spec: SourceModel | TargetModel, num_classes: int, store: SplitStore, splits: list[str]
) -> tuple[Traced, Trained]:
    """The first of the `splits` holds the members."""
    start = time.monotonic()
    assert isinstance(spec.arch, Own)  # both kinds have it that weights go with one
    assert spec.weights is not None
    own = built(spec.arch.builder)
    fill(own, read_weights(spec.weights), spec.weights)
    traced = trace(own, spec.cut, spec.arch.mean, spec.arch.std)
    if traced.num_classes != num_classes:
        raise ScenarioError(
            f"the model of {spec.arch.builder} tells {traced.num_classes} classes apart, but data.members has "
            f"{num_classes} class folders: they must be the ones it was trained on, in sorted order"
        )
    model = rebuilt(traced, spec.arch.builder)
    check_same(model, own, traced.graph, store.read(splits[0]), spec.arch.builder)
    evaluations = {split: evaluate(model, store.read(split)) for split in splits}
    return traced, Trained(model, evaluations, 0, time.monotonic() - start, False, digest(model.state_dict()))
