"""What an attack is to find out of the challenge, as only the referee knows it: who is a member, or who is what."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.base import Attack
from leakdrill.data.splits import Deal
from leakdrill.errors import InvalidInput, ScenarioError

Bools = NDArray[np.bool_]


def question(attack: Attack, cards: Deal, is_member: Bools) -> tuple[Bools, Bools]:
    """The truth (N,) in the order of the challenge, and where it is known (N,).

    Raises ScenarioError for an attribute that the data set does not have, or that has other values than 0 and 1.
    """
    attribute = attack.folding.attribute if attack.folding else None
    if attribute is None:
        return is_member, np.ones(len(is_member), bool)
    challenge = cards.splits["challenge"]
    attributes = challenge.source.attributes
    if attribute not in attributes:
        raise ScenarioError(
            f"attack {attack.name!r} infers {attribute!r}, but the data set's attributes are {sorted(attributes)}"
        )
    values = attributes[attribute][challenge.source.labels[challenge.indices]]
    if others := sorted(set(values.tolist()) - {-1, 0, 1}):
        raise ScenarioError(f"attribute {attribute!r} has values {others[:5]}, wanted 0, 1, or -1 where it is unknown")
    return values == 1, values >= 0


def graded(notes: dict[str, Any], labels: NDArray[np.int64]) -> dict[str, Any]:
    """The notes, with how right their clusters are about who is who in the place of the clusters themselves.

    An adjusted Rand index: 1 for the true `labels` (N,), 0 for chance. Raises InvalidInput for clusters that are none.
    """
    from sklearn.metrics import adjusted_rand_score

    if "clusters" not in notes:
        return notes
    clusters = notes["clusters"]
    if (
        not isinstance(clusters, list)
        or len(clusters) != len(labels)
        or not all(type(each) is int for each in clusters)
    ):
        raise InvalidInput(f"the verdict's clusters are no list of {len(labels)} whole numbers, one for each example")
    rest = {key: value for key, value in notes.items() if key != "clusters"}
    return rest | {"adjusted_rand_index": round(float(adjusted_rand_score(labels, clusters)), 4)}
