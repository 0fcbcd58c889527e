"""The steps of differentially private descent: Poisson sampling, per-example gradients, clipping, noise.

Opacus computes the gradients' norms, clips and adds the noise. One copy of each example: by ghost clipping (Li et al.
2022, "Large Language Models Can Be Strong Differentially Private Learners", section 4), which was the fastest of its
modes on a CPU. Several: by whole per-example gradients, whose mean over the copies is what is clipped.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from opacus.grad_sample import GradSampleModule, GradSampleModuleFastGradientClipping
from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPTensorFastGradientClipping
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from leakdrill.archs.head import Head
from leakdrill.defences.training.base import Course
from leakdrill.models.augment import draw_change
from leakdrill.models.batches import Rows, learning_rate
from leakdrill.models.device import current
from leakdrill.models.epochs import take_epochs
from leakdrill.models.training import Progress
from leakdrill.seeds import derive, numpy_generator, torch_generator

if TYPE_CHECKING:
    from leakdrill.defences.training.dp_sgd import Budget, DpSgd

#: Images or rows in one pass: what bounds the memory that per-example gradients take.
CHUNK = 64

# Opacus knows layers by their exact type; a head with a margin, the only kind that is no plain linear layer, is refused
for samplers in (GradSampleModule.GRAD_SAMPLERS, GradSampleModuleFastGradientClipping.NORM_SAMPLERS):
    samplers[Head] = samplers[nn.Linear]


def descend_privately(defence: "DpSgd", budget: "Budget", course: Course, progress: Progress | None) -> int:
    """Train the course's learner; returns the epoch of its weights, and notes what was spent."""
    descent = _Descent(defence, budget, course)
    try:
        best_epoch = take_epochs(course.learner, descent.take_epoch, course.fit, course.score, progress, course.hooks)
    finally:
        descent.close()
    course.notes[defence.kind] = defence.account(budget, descent.num_steps)
    return best_epoch


class _Descent:
    def __init__(self, defence: "DpSgd", budget: "Budget", course: Course) -> None:
        self._course, self._budget, self._copies = course, budget, defence.augmentation_multiplicity
        self.num_steps = 0  # so far
        seed = derive(course.secret, defence.kind)  # whoever knew it could subtract the noise
        self._sampling = numpy_generator(seed, "sampling")
        fit, learner = course.fit, course.learner
        self._targets = torch.from_numpy(np.array(course.train.labels)).to(current())
        learner.to(memory_format=torch.contiguous_format)  # which Opacus's gradients are in
        sgd = torch.optim.SGD(learner.parameters(), fit.learning_rate, fit.momentum, weight_decay=fit.weight_decay)
        noise: dict[str, Any] = {
            "noise_multiplier": budget.noise_multiplier,
            "max_grad_norm": defence.max_grad_norm,
            "expected_batch_size": budget.sample_rate * len(course.train),
            "generator": torch_generator(seed, "noise", device=current()),  # Opacus draws where the weights are
        }
        # strict would refuse any buffer; batch normalisation, the one that mixes examples, is refused before
        if self._copies == 1:
            self._module = GradSampleModuleFastGradientClipping(
                learner, strict=False, max_grad_norm=defence.max_grad_norm
            )
            self._optimiser = DPOptimizerFastGradientClipping(sgd, **noise)
        else:
            self._module = GradSampleModule(learner, strict=False)
            self._optimiser = DPOptimizer(sgd, **noise)
        on_gradient = course.hooks.on_gradient
        if on_gradient is not None:
            self._optimiser.attach_step_hook(lambda _: on_gradient(learner))

    def take_epoch(self) -> float:
        """One epoch's steps; returns the mean loss over the examples that they happened to take."""
        steps = self._budget.num_steps // self._course.fit.epochs
        taken = [self._step() for _ in range(steps)]
        return sum(loss for loss, _ in taken) / max(1, sum(count for _, count in taken))

    def close(self) -> None:
        """Leave nothing on the learner of what Opacus hung there."""
        self._module.to_standard_module()
        for parameter in self._course.learner.parameters():
            for name in ("grad_sample", "summed_grad", "_norm_sample", "_forward_counter", "_current_grad_sample"):
                if hasattr(parameter, name):
                    delattr(parameter, name)
            parameter.grad = None
        self._course.learner.to(memory_format=torch.channels_last)

    def _step(self) -> tuple[float, int]:
        """Returns the summed loss and the number of examples of a step."""
        rows = np.flatnonzero(self._sampling.random(len(self._targets)) < self._budget.sample_rate)
        rate = learning_rate(self._course.fit, self.num_steps, self._budget.num_steps)
        self._optimiser.param_groups[0]["lr"] = rate
        chunks = list(_chunks(rows, max(1, CHUNK // self._copies))) or [rows]
        loss = 0.0
        for number, chunk in enumerate(chunks, start=1):
            self._optimiser.zero_grad()  # clears what was summed so far only after a whole step
            self._optimiser.signal_skip_step(number < len(chunks))
            loss += self._accumulate(chunk) if len(chunk) else self._accumulate_nothing()
            self._optimiser.step()
        self.num_steps += 1
        return loss, len(rows)

    def _accumulate(self, rows: Rows) -> float:
        """Per-example gradients, or clipped ones, of these examples; returns their summed loss."""
        course, copies = self._course, self._copies
        repeated = np.repeat(rows, copies)
        change = draw_change(course.fit, np.zeros(len(repeated), np.int64), self._sampling)
        inputs = (
            course.gather(repeated, change).to(current()).contiguous().requires_grad_()
        )  # or the first layer's hook warns
        logits = self._module(inputs)
        smoothing = course.hooks.label_smoothing
        losses = cross_entropy(logits, self._targets[repeated], reduction="none", label_smoothing=smoothing)
        if copies == 1:
            DPTensorFastGradientClipping(self._module, self._optimiser, losses).backward()
        else:
            losses.mean().backward()  # type: ignore[no-untyped-call]
            for parameter in self._optimiser.params:
                parameter.grad_sample = _mean_over_copies(parameter.grad_sample, copies)
        return losses.sum().item() / copies

    def _accumulate_nothing(self) -> float:
        """A step that drew no example still adds its noise."""
        for parameter in self._optimiser.params:
            parameter.grad_sample = parameter.new_zeros((0, *parameter.shape))
            parameter.grad = torch.zeros_like(parameter)
        return 0.0


def _mean_over_copies(gradients: Tensor, copies: int) -> Tensor:
    """(B * K, ...) -> (B, ...)"""
    return gradients.reshape(-1, copies, *gradients.shape[1:]).mean(dim=1)


def _chunks(rows: Rows, size: int) -> Iterator[Rows]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
