"""Starting from public data (Label-Only, section 6.2 and appendix A.1.2): only what is new is learned from members."""

from collections import OrderedDict
from copy import deepcopy
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from leakdrill.archs.head import Head
from leakdrill.archs.initialise import initialise
from leakdrill.data.examples import Examples
from leakdrill.defences.training.base import Course, TrainingDefence
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.models.training import accuracy, fit_model
from leakdrill.models.transfer import frozen_features
from leakdrill.seeds import torch_generator

#: The seed of the public model: of nobody's secret, so that whoever has the public data makes the same one.
PUBLIC = "public"


class Transfer(TrainingDefence):
    """A body that learned from public data; of members learns the last layer, or all (Label-Only, section 6.2).

    The network is first fitted on data.splits.source_public, with a head of its own that is then thrown away. The
    paper's public data are another data set (CIFAR-100 for CIFAR-10); these are of the same, which is kinder.
    """

    kind: Literal["transfer"] = "transfer"
    learns: Literal["last_layer", "all"] = "last_layer"
    fit: Fit = Field(Fit(), description="of the public model")
    needs_public: ClassVar[bool] = True

    def changed(self, course: Course) -> Course:
        if course.public is None:
            raise ScenarioError(
                "transfer needs public examples, of which there are none here: set data.splits.source_public"
            )
        public = self.public_model(course.model, course.public)
        body = course.model[:-1]
        body.load_state_dict(public[:-1].state_dict())
        course.notes[self.kind] = {"public_accuracy": accuracy(public, course.public)}
        if self.learns == "all":
            return course
        gather = frozen_features(body, course.train.inputs, course.fit)
        return replace(course, learner=course.model[-1:], gather=gather)

    def public_model(self, like: nn.Sequential, public: Examples) -> nn.Sequential:
        """A network like `like`, fitted on `public` alone: the same in whoever's hands."""
        *body, (name, head) = deepcopy(like).named_children()
        assert isinstance(head, Head)
        made = nn.Sequential(OrderedDict([*body, (name, Head(head.in_features, int(public.labels.max()) + 1))]))
        initialise(made, torch_generator(PUBLIC, "initial weights"))
        fit_model(made, public, self.fit, seed=0)
        return made
