"""Defences at training time: one module each. A new one is a new file here and its name in `_TrainingDefence`; or
anywhere (leakdrill.plugins).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, get_args

from pydantic import Field
from torch import nn

from leakdrill.data.examples import Examples
from leakdrill.defences.training.adversarial_regularisation import AdversarialRegularisation
from leakdrill.defences.training.augmentation import Augmentation
from leakdrill.defences.training.base import Course, TrainingDefence
from leakdrill.defences.training.combining import contradiction, has_batch_norm
from leakdrill.defences.training.dp_sgd import DpSgd
from leakdrill.defences.training.dropout import Dropout
from leakdrill.defences.training.early_stopping import EarlyStopping
from leakdrill.defences.training.l1 import L1
from leakdrill.defences.training.l2 import L2
from leakdrill.defences.training.label_smoothing import LabelSmoothing
from leakdrill.defences.training.transfer import Transfer
from leakdrill.errors import ScenarioError
from leakdrill.models.device import at_work
from leakdrill.models.fit import Fit
from leakdrill.models.training import Progress, accuracy, fit_scales, gathering
from leakdrill.plugins import Kinds

_TrainingDefence = (
    L2 | L1 | Dropout | LabelSmoothing | EarlyStopping | Augmentation | AdversarialRegularisation | Transfer | DpSgd
)
TRAINING_DEFENCES: dict[str, type[_TrainingDefence]] = {
    each.model_fields["kind"].default: each for each in get_args(_TrainingDefence)
}
TRAINING_DEFENCE_KINDS = Kinds(
    "training defence", "leakdrill.training_defences", TrainingDefence, {**TRAINING_DEFENCES}
)
TrainingDefenceSpec = Annotated[_TrainingDefence, Field(discriminator="kind"), TRAINING_DEFENCE_KINDS]


@dataclass(frozen=True)
class TrainingAccount:
    """How a training went: the epoch whose weights were kept, and what defences say of themselves, by kind."""

    best_epoch: int
    notes: dict[str, Any]  # JSON-able


def fit_defended(
    model: nn.Sequential,
    train: Examples,
    fit: Fit,
    defences: Sequence[TrainingDefence],
    seed: int,
    validation: Examples | None = None,
    progress: Progress | None = None,
    *,
    keep: Literal["best", "last"] = "best",
    public: Examples | None = None,
    secret: int | None = None,
) -> TrainingAccount:
    """Train `model` in place as `fit_model` does, with the defences; without any, to the same bits.

    The epoch kept is the best on `validation`, where there is one, unless `keep` is "last". `public` examples are for
    defences that start from public data. `secret`: what is drawn from it nobody else can draw; default: the seed, for
    whoever's model nobody attacks. Raises ScenarioError for defences that contradict each other or lack the
    data that they need, beside what `fit_model` raises.
    """
    for defence in defences:
        fit = defence.changed_fit(fit)
    if wrong := contradiction(defences, fit, has_batch_norm(model)):
        raise ScenarioError(wrong)
    score = partial(accuracy, model, validation) if validation is not None and keep == "best" else None
    hidden = seed if secret is None else secret
    course = Course(model, model, gathering(train), train, fit, seed, hidden, validation, public, score)
    # what starts from public data says which part learns, and the others change that part
    for defence in sorted(defences, key=lambda defence: not defence.needs_public):
        course = defence.changed(course)
    fit_scales(course.model, train)
    with at_work(model, lower=f"the fit's batch_size, now {course.fit.batch_size}"):
        best_epoch = course.descend(course, progress)
    model.eval()
    return TrainingAccount(best_epoch, course.notes)
