"""What a defence at training time is: a frozen spec whose fields are its YAML, and what it makes of a fit.

It stands where a company trains a model: it changes the fit's settings (`changed_fit`), or the course that the training
takes (`changed`): which part learns, from which inputs, by which loss, in which steps. A setting that is off gives back
the very same.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import nn

from leakdrill.data.examples import Examples
from leakdrill.models.fit import Fit
from leakdrill.models.hooks import PLAIN, Hooks
from leakdrill.models.training import Gather, Progress, descend
from leakdrill.spec import Spec


def plainly(course: "Course", progress: Progress | None) -> int:
    """Undefended stochastic gradient descent; returns the epoch of the weights."""
    labels = course.train.labels
    return descend(course.learner, course.gather, labels, course.fit, course.seed, course.score, progress, course.hooks)


@dataclass(frozen=True)
class Course:
    """A training as it is about to happen."""

    model: nn.Sequential  # what is served in the end
    learner: nn.Sequential  # the part of it that learns: the same modules, and none but them have weights
    gather: Gather  # brings the learner's inputs
    train: Examples
    fit: Fit
    seed: int  # of what may be known: batches, dropped units
    secret: int  # of what must not: noise that is to hide something, and who is sampled for it
    held_out: Examples | None  # of the same owner, to choose and compare on
    public: Examples | None  # nobody's secret; of the same classes as `train`
    score: Callable[[], float] | None  # of the model, after each epoch, to choose one
    hooks: Hooks = PLAIN
    descend: Callable[["Course", Progress | None], int] = plainly
    notes: dict[str, Any] = field(default_factory=dict)  # JSON-able, by kind: what defences say of themselves


class TrainingDefence(Spec):
    """The base of every defence at training time. A subclass's docstring starts with one line and cites its source."""

    kind: str
    needs_public: ClassVar[bool] = False  # data.splits.source_public, without which training is refused
    draws_in_secret: ClassVar[bool] = False  # from `course.secret`, too

    def changed_fit(self, fit: Fit) -> Fit:
        """The fit's settings with the defence; the very same where nothing changes. Raises ScenarioError where it
        would be contradictory."""
        return fit

    def changed(self, course: Course) -> Course:
        """The course with the defence; what it draws comes from `derive(course.seed, self.kind)`, or of the secret."""
        return course
