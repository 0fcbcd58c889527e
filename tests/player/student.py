"""A student's attacks in a player's folder, by tritonclient and NumPy alone: no leakdrill is imported.

    student.py FOLDER {gap,entropy} [--submit]

gap: the model is right (Yeom et al. 2018). entropy: modified prediction entropy (Song and Mittal 2021, equation 8).
"""

import sys
from typing import Any

import numpy as np

folder, attack = sys.argv[1:3]
sys.path.insert(0, folder)
import client  # noqa: E402


def gap(answers: Any, labels: Any) -> Any:
    return (answers.argmax(axis=1) == labels).astype(float)


def entropy(answers: Any, labels: Any) -> Any:
    rows, wrong = np.arange(len(labels)), answers.astype(np.float64)
    right = wrong[rows, labels]
    wrong[rows, labels] = 0
    of_right = -(1 - right) * np.log(np.maximum(right, 1e-30))
    return -(of_right - (wrong * np.log(np.maximum(1 - wrong, 1e-30))).sum(axis=1))


client.score = {"gap": gap, "entropy": entropy}[attack]
client.main()
assert not any(name.startswith("leakdrill") for name in sys.modules)
