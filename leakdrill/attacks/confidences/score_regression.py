"""How sure the victim should be of an example that it was not trained on: a normal distribution for each (x, y).

A network with a mean and a log deviation for every class, of which those of the example's own class count, fitted by
likelihood to what the victim says of non-members (Bertran et al. 2023, section 3; the code's "use_gaussian").
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from leakdrill.archs import ArchSpec, build
from leakdrill.attacks.confidences.statistics import Floats
from leakdrill.data.examples import Examples
from leakdrill.errors import ScenarioError
from leakdrill.models.batches import epoch_batches
from leakdrill.models.device import at_work, current
from leakdrill.models.training import Progress, as_batch, predict
from leakdrill.seeds import derive, numpy_generator

BATCH_SIZE = 64
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 5e-4
LARGEST_LOG_DEVIATION = 5.0  # either way, in deviations of all scores: a likelihood that runs away says nothing


@dataclass(frozen=True)
class ScoreRegression:
    """Of standardised scores."""

    network: nn.Sequential
    mean: float
    deviation: float

    def deviations_above(self, examples: Examples, scores: Floats) -> Floats:
        """(N,): by how many of its deviations each score (N,) is above the mean to expect of that example."""
        outputs = torch.from_numpy(predict(self.network, examples.inputs)).double()
        means, log_deviations = _of_labels(outputs, torch.from_numpy(np.array(examples.labels)))
        standardised = (scores - self.mean) / self.deviation
        return np.asarray((standardised - means.numpy()) / np.exp(log_deviations.numpy()))


def fit_score_regression(
    arch: ArchSpec,
    num_classes: int,
    fitted_on: tuple[Examples, Floats],
    held_out: tuple[Examples, Floats],
    epochs: int,
    seed: int,
    progress: Progress,
) -> tuple[ScoreRegression, int]:
    """The regression as it stood after the epoch that held-out scores are likeliest under, and that epoch.

    Epoch 0 is the distribution of all scores, whatever the example: it stays if nothing does better.
    """
    examples, scores = fitted_on
    mean, deviation = float(scores.mean()), float(scores.std())
    network = build(arch, 2 * num_classes, derive(seed, "initial weights"))
    for parameter in network[-1].parameters():
        nn.init.zeros_(parameter)
    generator = numpy_generator(seed, "batches")
    targets = torch.from_numpy((scores - mean) / deviation).float()

    def held_out_loss() -> float:
        outputs = torch.from_numpy(predict(network, held_out[0].inputs))
        wanted = torch.from_numpy((held_out[1] - mean) / deviation).float()
        return float(gaussian_loss(*_of_labels(outputs, torch.from_numpy(np.array(held_out[0].labels))), wanted).mean())

    with at_work(network, lower="data.image_size, or take a smaller arch"):
        optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        best_epoch, best_loss, best_weights = 0, held_out_loss(), _copied(network)
        for epoch in range(1, epochs + 1):
            network.train()
            for rows in epoch_batches(len(examples), BATCH_SIZE, generator):
                _step(network, optimiser, examples.take(rows), targets[rows])
            loss = held_out_loss()
            progress(epoch / epochs, f"score regression, epoch {epoch} of {epochs}: held-out loss {loss:.3f}")
            if loss < best_loss:
                best_epoch, best_loss, best_weights = epoch, loss, _copied(network)
        network.load_state_dict(best_weights)
    return ScoreRegression(network.eval(), mean, deviation), best_epoch


def gaussian_loss(means: Tensor, log_deviations: Tensor, targets: Tensor) -> Tensor:
    """(N,): minus the log density of a normal distribution, but for the constant."""
    return log_deviations + 0.5 * torch.exp(-2 * log_deviations) * (targets - means) ** 2


def _step(network: nn.Sequential, optimiser: torch.optim.Optimizer, batch: Examples, targets: Tensor) -> None:
    """Raises ScenarioError when the loss becomes NaN or infinite."""
    optimiser.zero_grad()
    outputs = network(as_batch(batch.inputs).to(current())).cpu()
    loss = gaussian_loss(*_of_labels(outputs, torch.from_numpy(np.array(batch.labels))), targets).mean()
    if not loss.isfinite():
        raise ScenarioError("the regression of scores diverged: choose another arch for quantile_regression")
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def _of_labels(outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Means and log deviations (N,) of the own classes, from outputs (N, 2 C)."""
    both = outputs.reshape(len(outputs), -1, 2)[torch.arange(len(labels)), labels]
    return both[:, 0], both[:, 1].clamp(-LARGEST_LOG_DEVIATION, LARGEST_LOG_DEVIATION)


def _copied(network: nn.Sequential) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
