"""The noise that an epsilon takes, and the epsilon that a noise gives, by Opacus's accountants.

prv: Gopi, Lee and Wutschitz 2021, "Numerical Composition of Differential Privacy". rdp: Mironov, Talwar and Zhang 2019,
"Renyi Differential Privacy of the Sampled Gaussian Mechanism"; up to a tenth looser, and faster.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Literal

from leakdrill.errors import ScenarioError

Accountant = Literal["prv", "rdp"]

MAX_NOISE = 1e6  # where Opacus's search for a noise ends


@lru_cache(maxsize=64)  # a dozen shadow models ask the same, and prv takes seconds
def noise_for(epsilon: float, delta: float, sample_rate: float, num_steps: int, accountant: Accountant) -> float:
    """The least noise multiplier (within 0.01 of epsilon) for (epsilon, delta) after `num_steps`.

    Raises ScenarioError where no noise reaches it.
    """
    _require_opacus()
    from opacus.accountants.utils import get_noise_multiplier

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
    except ValueError as error:
        raise ScenarioError(
            f"dp_sgd cannot reach epsilon {epsilon:g} at delta {delta:g} in {num_steps} steps at a sampling rate of "
            f"{sample_rate:.3g}, with any noise that the {accountant} accountant can count: raise epsilon or delta, or "
            "lower the fit's epochs or batch_size"
        ) from error


def epsilon_of(
    noise_multiplier: float, delta: float, sample_rate: float, num_steps: int, accountant: Accountant
) -> float:
    """The epsilon spent by `num_steps` steps."""
    _require_opacus()
    from opacus.accountants import create_accountant

    counter = create_accountant(mechanism=accountant)
    counter.history = [(noise_multiplier, sample_rate, num_steps)]
    with _quiet():
        return float(counter.get_epsilon(delta=delta))


@lru_cache
def least_epsilon(delta: float, accountant: Accountant) -> float:
    """What an accountant makes of one step that drowns everything in noise."""
    return epsilon_of(MAX_NOISE, delta, sample_rate=1.0, num_steps=1, accountant=accountant)


def _require_opacus() -> None:
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
