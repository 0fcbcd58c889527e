"""Starting from public data (Label-Only, section 6.2 and appendix A.1.2): only what is new is learned from members."""

import hashlib
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field
from torch import nn

from leakdrill.archs.initialise import initialise
from leakdrill.data.examples import Examples
from leakdrill.defences.training.base import Course, TrainingDefence
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.models.training import accuracy, fit_model
from leakdrill.models.transfer import frozen_features
from leakdrill.seeds import derive, torch_generator


class Transfer(TrainingDefence):
    """A body that learned from public data; of members learns the last layer, or all (Label-Only, section 6.2).

    The network is first fitted on data.splits.source_public. The paper's public data are another data set (CIFAR-100
    for CIFAR-10), whose head is thrown away, as here unless `head` is public; these are of the same classes, which is
    kinder. The public model's seeds are nobody's secret either: whoever has the public data makes the same one.
    """

    kind: Literal["transfer"] = "transfer"
    learns: Literal["last_layer", "all"] = "last_layer"
    head: Literal["fresh", "public"] = Field("fresh", description="what the last layer starts from")
    fit: Fit = Field(Fit(), description="of the public model")
    needs_public: ClassVar[bool] = True

    def changed(self, course: Course) -> Course:
        if course.public is None:
            raise ScenarioError(
                "transfer needs public examples, of which there are none here: set data.splits.source_public"
            )
        public = _public_model(_PublicTask.of(course.model, course.public, self.fit))
        body = course.model[:-1]
        known = course.model if self.head == "public" else body
        known.load_state_dict(public[: len(known)].state_dict())
        course.notes[self.kind] = {"public_accuracy": accuracy(public, course.public)}
        if self.learns == "all":
            return course
        gather = frozen_features(body, course.train.inputs, course.fit)
        return replace(course, learner=course.model[-1:], gather=gather)


@dataclass(frozen=True)
class _PublicTask:
    """What a public model is made of; `key` says all of it."""

    key: str
    fit: Fit
    like: nn.Sequential = field(compare=False)
    public: Examples = field(compare=False)

    @classmethod
    def of(cls, like: nn.Sequential, public: Examples, fit: Fit) -> "_PublicTask":
        data = hashlib.sha256(public.labels.tobytes() + np.ascontiguousarray(public.inputs).tobytes()).hexdigest()
        return cls(f"{like!r} {data}", fit, like, public)


@lru_cache(maxsize=1)  # shadow models of one process all start from the same
def _public_model(task: _PublicTask) -> nn.Sequential:
    """A network like the task's, fitted on its public examples alone: the same in whoever's hands."""
    made = deepcopy(task.like)
    initialise(made, torch_generator("public", "initial weights"))
    fit_model(made, task.public, task.fit, derive("public", "fit"))
    return made
