"""What an attack refuses before it asks anybody anything: examples that it could only misread."""

from leakdrill.attacks.base import View
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
