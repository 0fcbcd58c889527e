"""The defences of a company's own API, fitted on the company's own data after its model."""

import numpy as np

from leakdrill.defences import Guard, guard
from leakdrill.defences.base import Owner, Scores
from leakdrill.models.cache import ModelCache
from leakdrill.models.trained import Trained
from leakdrill.models.training import predict, softmax
from leakdrill.parties.store import SplitStore
from leakdrill.scenario.schema import Api
from leakdrill.seeds import derive


def guard_api(
    api: Api, trained: Trained, splits: tuple[str, str], store: SplitStore, cache: ModelCache, secret: int
) -> Guard | None:
    """What stands before `trained`, or None for an API without a defence.

    splits: what it was trained on, and held-out examples of the company's own. These should not be the challenge's
    non-members: a defence fitted on them would be measured on what it knows.
    """
    if not api.defences:
        return None

    def scores(split: str) -> Scores:
        return softmax(predict(trained.model, store.read(split).inputs)).astype(np.float64)

    held = store.held()
    made_of = {"model": trained.weights_sha256, "data": [held[split] for split in splits]}
    owner = Owner(lambda: (scores(splits[0]), scores(splits[1])), made_of, derive(secret, "defences"), cache)
    return guard(api.defences, owner)
