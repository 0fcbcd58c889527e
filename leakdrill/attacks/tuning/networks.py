"""Attack networks fitted on the shadow models' records: one per class as in Label-Only, or one for all classes."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.attack_models import Fitter, Judgement, fit_attack_model
from leakdrill.attacks.tuning.shadow_tuned import ShadowModels
from leakdrill.data.examples import Examples

#: one: where a class has too few tuning examples for a network of its own.
Networks = Literal["per_class", "one"]
DECIMALS = 9  # of log-odds


def judge_by_networks(
    networks: Networks,
    fit: Fitter,
    of_shadows: NDArray[np.float64],
    shadows: ShadowModels,
    of_challenge: NDArray[np.float64],
    challenge: Examples,
    num_classes: int,
    seed: int,
) -> Judgement:
    """Scores and decisions (N,) for the challenge's records (N, F), by networks fitted on the shadows' (M, F).

    Equal records of a class have equal scores: these are rounded, since a product of matrices does not give all of its
    rows the same last bits, which would break ties unseen.
    """
    own_labels, labels = shadows.examples.labels, challenge.labels
    if networks == "one":
        own_labels, labels, num_classes = np.zeros_like(own_labels), np.zeros_like(labels), 1
    model = fit_attack_model(fit, of_shadows, own_labels, shadows.is_member, num_classes, seed)
    scores = np.round(model.judge(of_challenge, labels)[0], DECIMALS)
    return scores, scores > 0
