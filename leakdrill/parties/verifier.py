"""csmall's face verification, on g_s, with a threshold found on pairs of csmall's own photos."""

import numpy as np
from torch import nn

from leakdrill.data.forms import ImageForm
from leakdrill.defences import guard_faces
from leakdrill.errors import ScenarioError
from leakdrill.models.embedding import embed
from leakdrill.models.verification import Calibration, calibrate, distances, draw_pairs
from leakdrill.parties.config import CsmallConfig
from leakdrill.parties.publish_verification import Verifier
from leakdrill.parties.store import SplitStore
from leakdrill.seeds import derive, numpy_generator

OWN_SPLITS = ("target_train", "target_test")  # g_s has seen neither


def calibrated(config: CsmallConfig, feature_extractor: nn.Module, store: SplitStore) -> tuple[Verifier, Calibration]:
    """Raises ScenarioError when csmall's photos make too few pairs.

    The threshold is that of undefended distances, as a model's accuracies are those without defences.
    """
    if not isinstance(config.form, ImageForm):
        raise ScenarioError(f"csmall.apis has verification, which compares photos, and the data are {config.form}")
    own = [store.read(split) for split in OWN_SPLITS]
    labels = np.concatenate([examples.labels for examples in own])
    pairs = draw_pairs(labels, numpy_generator(config.seed, "verification pairs"))
    embeddings = np.concatenate([embed(feature_extractor, examples.inputs) for examples in own])
    metric = config.verification.metric
    found = calibrate(distances(embeddings[pairs.first], embeddings[pairs.second], metric), pairs)
    verifier = Verifier(
        feature_extractor,
        config.form,
        metric,
        found.threshold,
        derive(config.secret, "faces"),
        guard_faces(config.api.defences, "distance", config.secret),
    )
    return verifier, found
