"""Differentially private stochastic gradient descent (Abadi et al. 2016; Label-Only, appendix E), through Opacus."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from leakdrill.defences.training.accounting import (
    Accountant,
    epsilon_of,
    least_epsilon,
    noise_for,
    require_opacus,
)
from leakdrill.defences.training.base import Course, TrainingDefence
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.models.training import fit_scales, needs_scales

EPSILON = 8.0  # De et al., section 4


@dataclass(frozen=True)
class Budget:
    """What all steps together come to."""

    noise_multiplier: float
    sample_rate: float  # of each example, in each step
    num_steps: int


class DpSgd(TrainingDefence):
    """Clipped and noised gradients, with a proven bound on what they tell of any one example (Abadi et al. 2016).

    Each step takes every example with probability batch_size / N, clips its gradient to `max_grad_norm`, and adds
    noise of `noise_multiplier` times that to the sum: as much as `epsilon` and `delta` ask for, or as is set. With
    `augmentation_multiplicity`, an example's gradient is the mean over so many changed copies, at no cost in privacy
    (De et al. 2022, "Unlocking High-Accuracy Differentially Private Image Classification through Scale", section 3.2).
    The fit's learning rate, momentum and schedule stay; its batch_size is the expected one. What the network
    standardises its inputs by is taken from held-out examples: the bound is about the training examples alone.
    """

    kind: Literal["dp_sgd"] = "dp_sgd"
    draws_in_secret: ClassVar[bool] = True
    epsilon: float | None = Field(
        None, gt=0, le=1e5, description="to spend in the whole training; default: 8, unless noise_multiplier is set"
    )
    noise_multiplier: float | None = Field(None, ge=0.01, le=1e4, description="standard deviations, in max_grad_norm")
    delta: float = Field(1e-5, ge=1e-12, lt=1, description="less than one in the number of training examples")
    max_grad_norm: float = Field(1.0, gt=0, description="what each example's gradient is clipped to, in L2")
    augmentation_multiplicity: int = Field(
        1, ge=1, le=64, description="changed copies of an example in a step; the fit's flip, shift, cutout say how"
    )
    accountant: Accountant = Field("prv", description="prv: the tightest; rdp: up to a tenth looser, and faster")

    @model_validator(mode="before")
    @classmethod
    def _some_measure(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("epsilon") is None and value.get("noise_multiplier") is None:
            return {**value, "epsilon": EPSILON}
        return value

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.epsilon is not None and self.noise_multiplier is not None:
            raise ValueError("dp_sgd takes its noise from `epsilon` or from `noise_multiplier`: set one of the two")
        return self

    def check(self, num_examples: int) -> None:
        """Raises ScenarioError without Opacus, for an epsilon that no noise reaches, or a delta that promises nothing
        with at least so many training examples. Quick, as `budget` is not."""
        require_opacus()
        if self.delta * num_examples >= 1:
            raise ScenarioError(
                f"dp_sgd's delta {self.delta:g} is no less than one in {num_examples} training examples: a training "
                "that publishes one of them in full would keep to it; lower delta"
            )
        if self.epsilon is not None and self.epsilon < (least := least_epsilon(self.delta, self.accountant)):
            raise ScenarioError(
                f"dp_sgd cannot reach epsilon {self.epsilon:g} at delta {self.delta:g}: whatever the noise, the "
                f"{self.accountant} accountant cannot show less than {least:.2g}; raise epsilon or delta"
            )

    def budget(self, fit: Fit, num_examples: int) -> Budget:
        """Raises what `check` raises, and ScenarioError where all these steps spend more whatever the noise, or more
        than the accountant can count."""
        self.check(num_examples)
        sample_rate = min(1.0, fit.batch_size / num_examples)
        num_steps = fit.epochs * steps_per_epoch(fit, num_examples)
        noise = self.noise_multiplier
        if self.epsilon is not None:
            noise = noise_for(self.epsilon, self.delta, sample_rate, num_steps, self.accountant)
        assert noise is not None
        epsilon_of(noise, self.delta, sample_rate, num_steps, self.accountant)  # before training, rather than after it
        return Budget(noise, sample_rate, num_steps)

    def changed(self, course: Course) -> Course:
        budget = self.budget(course.fit, len(course.train))
        from leakdrill.defences.training.private_descent import descend_privately  # which needs Opacus

        self._fit_scales(course)
        return replace(course, descend=partial(descend_privately, self, budget))

    def account(self, budget: Budget, num_steps: int) -> dict[str, float | str]:
        """What `num_steps` spent, as `leakdrill.results.Privacy` has it."""
        noise, rate = budget.noise_multiplier, budget.sample_rate
        return {
            "epsilon": epsilon_of(noise, self.delta, rate, num_steps, self.accountant),
            "delta": self.delta,
            "noise_multiplier": noise,
            "max_grad_norm": self.max_grad_norm,
            "sample_rate": rate,
            "num_steps": num_steps,
            "accountant": self.accountant,
        }

    def _fit_scales(self, course: Course) -> None:
        """Before anybody takes them from the training examples."""
        if course.held_out is not None:
            fit_scales(course.model, course.held_out)
        elif needs_scales(course.model):
            raise ScenarioError(
                "dp_sgd takes the scales of a network that standardises its inputs from held-out examples, of which "
                "there are none here"
            )


def steps_per_epoch(fit: Fit, num_examples: int) -> int:
    return max(1, round(num_examples / fit.batch_size))
