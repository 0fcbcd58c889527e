"""What an attack refuses before it asks anybody anything, and what is refused of its verdict."""

import numpy as np

from leakdrill.attacks.base import Verdict, View
from leakdrill.data.examples import Examples
from leakdrill.errors import InvalidInput, ScenarioError


def check_labels(view: View) -> None:
    """Raises InvalidInput for a label that the source task does not have: it would count as a mistake of the model."""
    held = {"challenge": view.challenge, "shadow_train": view.shadow_train, "shadow_test": view.shadow_test}
    for split, examples in held.items():
        if examples is None or not len(examples):
            continue
        low, high = int(examples.labels.min()), int(examples.labels.max())
        if low < 0 or high >= view.num_classes:
            raise InvalidInput(f"{split} has labels from {low} to {high}, wanted 0 to {view.num_classes - 1}")


def check_images(examples: Examples, name: str) -> None:
    """Raises ScenarioError for inputs that are no images (N, H, W, 3), for the attack `name`, which moves pixels."""
    if examples.inputs.ndim != 4:
        raise ScenarioError(
            f"{name} moves the pixels of images (N, H, W, 3), got vectors {examples.inputs.shape}: "
            "attack tabular data with noise_robustness, boundary or the confidences"
        )


def check_verdict(said: object, name: str, num_examples: int) -> Verdict:
    """What the attack `name` said of so many examples. Raises InvalidInput unless it has a score for each of them."""
    if not isinstance(said, Verdict):
        raise InvalidInput(f"attack {name!r} returned a {type(said).__name__}, wanted Verdict(scores, decisions)")
    for part, wanted in (("scores", np.float64), ("decisions", np.bool_)):
        got = np.asarray(getattr(said, part))
        if got.shape != (num_examples,) or got.dtype != wanted:
            raise InvalidInput(
                f"attack {name!r} gave {part} of shape {got.shape} and {got.dtype}, wanted ({num_examples},) "
                f"{np.dtype(wanted)}: one for each example of view.challenge, in its order"
            )
    if not np.isfinite(said.scores).all():
        raise InvalidInput(
            f"attack {name!r} gave {(~np.isfinite(said.scores)).sum()} scores that are NaN or infinite, wanted none"
        )
    return said
