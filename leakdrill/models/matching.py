"""Fitting a network to what another gives, rather than to labels."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from leakdrill.errors import ScenarioError
from leakdrill.models.augment import Change, draw_change
from leakdrill.models.batches import Rows, check_batches, epoch_batches, learning_rate, num_batches
from leakdrill.models.device import at_work
from leakdrill.models.fit import Fit
from leakdrill.models.training import Progress
from leakdrill.seeds import numpy_generator

#: Brings the inputs at these rows, changed as the second argument says, and what the network should give for them.
GatherPairs = Callable[[Rows, Change | None], tuple[Tensor, Tensor]]


def match(
    network: nn.Module,
    gather: GatherPairs,
    num_examples: int,
    fit: Fit,
    loss: Callable[[Tensor, Tensor], Tensor],
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Fit `network` in place by `fit`, in single precision; `loss` is of what it gives and what it should give.

    Leaves it in evaluation mode. Raises ScenarioError where training diverges, and for batches of one example where the
    network normalises over the batch.
    """
    check_batches(network, num_examples, fit)
    generator = numpy_generator(seed, "batches")
    num_copies = num_examples * fit.copies
    num_steps, step = fit.epochs * num_batches(num_copies, fit.batch_size), 0
    with at_work(network, lower=f"the fit's batch_size, now {fit.batch_size}") as device:
        optimiser = torch.optim.SGD(
            network.parameters(), fit.learning_rate, fit.momentum, weight_decay=fit.weight_decay
        )
        network.train()
        for epoch in range(1, fit.epochs + 1):
            total = 0.0
            for drawn in epoch_batches(num_copies, fit.batch_size, generator):
                rows, places = np.divmod(drawn, fit.copies)
                inputs, wanted = gather(rows, draw_change(fit, places, generator))
                optimiser.param_groups[0]["lr"] = learning_rate(fit, step, num_steps)
                optimiser.zero_grad()
                distance = loss(network(inputs.to(device)), wanted.to(device))
                distance.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                total += distance.item() * len(rows) / num_copies
                step += 1
            if not math.isfinite(total):
                raise ScenarioError(
                    f"training diverged: the distance is {total} in epoch {epoch} of {fit.epochs}; "
                    f"lower the fit's learning_rate, now {fit.learning_rate:g}"
                )
            if progress is not None:
                progress(epoch / fit.epochs, f"epoch {epoch} of {fit.epochs}: distance {total:.3f}")
    network.eval()


def check_matching(fit: Fit) -> Fit:
    """For validators: raises ValueError for a fit that asks for what is not done here."""
    if fit.loss != "softmax" or fit.precision == "bfloat16":
        raise ValueError(
            "what is fitted here is a distance, in single precision: leave out the fit's loss and precision"
        )
    return fit
