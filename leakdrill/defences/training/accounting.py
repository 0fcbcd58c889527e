"""The noise that an epsilon takes, and the epsilon that a noise gives, by Opacus's accountants.

prv: Gopi, Lee and Wutschitz 2021, "Numerical Composition of Differential Privacy". rdp: Mironov, Talwar and Zhang 2019,
"Renyi Differential Privacy of the Sampled Gaussian Mechanism"; up to a tenth looser, and faster.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Literal

from leakdrill.errors import ScenarioError

Accountant = Literal["prv", "rdp"]

MAX_NOISE = 1e6  # where Opacus's search for a noise ends
#: On the grid on which prv adds up losses: a quarter of a gigabyte for each of the few arrays of that size.
MAX_POINTS = 2**25
#: Of Opacus's result, the least noise that its search tries, and of rdp's, surely less than prv's.
SEARCHED = 0.45


@lru_cache(maxsize=64)  # a dozen shadow models ask the same, and prv takes seconds
def noise_for(epsilon: float, delta: float, sample_rate: float, num_steps: int, accountant: Accountant) -> float:
    """The least noise multiplier (within 0.01 of epsilon) for (epsilon, delta) after `num_steps`.

    Raises ScenarioError where no noise reaches it, and what `epsilon_of` raises.
    """
    require_opacus()
    from opacus.accountants.utils import get_noise_multiplier

    if accountant == "prv":
        _check_points(
            SEARCHED * noise_for(epsilon, delta, sample_rate, num_steps, "rdp"), delta, sample_rate, num_steps
        )
    try:
        with _quiet():
            return float(
                get_noise_multiplier(
                    target_epsilon=epsilon,
                    target_delta=delta,
                    sample_rate=sample_rate,
                    steps=num_steps,
                    accountant=accountant,
                    epsilon_tolerance=min(0.01, epsilon / 10),
                )
            )
    except (ValueError, RuntimeError) as error:  # the latter by prv, in its search
        raise ScenarioError(
            f"dp_sgd cannot reach epsilon {epsilon:g} at delta {delta:g} in {num_steps} steps at a sampling rate of "
            f"{sample_rate:.3g}, with any noise that the {accountant} accountant can count: raise epsilon or delta, or "
            "lower the fit's epochs or batch_size"
        ) from error


@lru_cache(maxsize=64)
def epsilon_of(
    noise_multiplier: float, delta: float, sample_rate: float, num_steps: int, accountant: Accountant
) -> float:
    """The epsilon spent by `num_steps` steps.

    Raises ScenarioError where prv cannot count it, or would take more memory than `MAX_POINTS` allow.
    """
    require_opacus()
    from opacus.accountants import create_accountant

    if accountant == "prv":
        _check_points(noise_multiplier, delta, sample_rate, num_steps)
    counter = create_accountant(mechanism=accountant)
    counter.history = [(noise_multiplier, sample_rate, num_steps)]
    try:
        with _quiet():
            return float(counter.get_epsilon(delta=delta))
    except RuntimeError as error:  # by prv
        raise ScenarioError(
            f"the {accountant} accountant cannot count what dp_sgd spends in {num_steps} steps with noise_multiplier "
            f"{noise_multiplier:.3g} at delta {delta:g}: set dp_sgd's accountant: rdp, or more noise"
        ) from error


@lru_cache
def least_epsilon(delta: float, accountant: Accountant) -> float:
    """What an accountant makes of one step that drowns everything in noise."""
    return epsilon_of(MAX_NOISE, delta, sample_rate=1.0, num_steps=1, accountant=accountant)


def _check_points(noise_multiplier: float, delta: float, sample_rate: float, num_steps: int) -> None:
    """Raises ScenarioError where prv would take too much memory."""
    points = prv_points(noise_multiplier, delta, sample_rate, num_steps)
    if points > MAX_POINTS:
        loosely = epsilon_of(noise_multiplier, delta, sample_rate, num_steps, "rdp")
        raise ScenarioError(
            f"dp_sgd spends an epsilon of up to {loosely:.3g} in {num_steps} steps with noise_multiplier "
            f"{noise_multiplier:.3g}, and to count that the prv accountant would need a grid of {points:.2g} points: "
            "set dp_sgd's accountant: rdp, or more noise"
        )


def prv_points(noise_multiplier: float, delta: float, sample_rate: float, num_steps: int) -> float:
    """How many points Opacus's prv takes: from -L to L, L a bound of the loss by rdp, at a distance that allows for an
    error of 0.01 in epsilon (Gopi, Lee and Wutschitz 2021, remark 5.6 and theorem 5.5)."""
    delta_error, epsilon_error = delta / 1000, 0.01  # as Opacus has them
    of_all = epsilon_of(noise_multiplier, delta_error / 4, sample_rate, num_steps, "rdp")
    of_one = epsilon_of(noise_multiplier, delta_error / (8 * num_steps), sample_rate, 1, "rdp")
    distance = epsilon_error / math.sqrt(num_steps * math.log(12 / delta_error) / 2)
    return 2 * (max(of_all, of_one) + 3) / distance


def require_opacus() -> None:
    """Raises ScenarioError where Opacus is not installed."""
    try:
        import opacus  # noqa: F401
    except ModuleNotFoundError as error:
        raise ScenarioError(
            "dp_sgd needs Opacus: install leakdrill with its extra, pip install 'leakdrill[dp]'"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """rdp warns where more orders might have given a little less, and prv of a log of 0 where all examples are taken:
    both bounds hold all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        yield
