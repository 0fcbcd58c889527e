"""What is wrong with dealt image files, by name: a party that is dealt one knows it by its number alone.

An image smaller than data.image_size is scaled up, as by torchvision's Resize, and counted. Below a LEAST_SHARE-th of
it too little is left to see, and it is refused. Rendered and built-in images are what they are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from leakdrill.data.forms import ImageForm
from leakdrill.data.splits import Deal, Split
from leakdrill.datasets.source import ExampleSource, open_image
from leakdrill.errors import InvalidInput

LEAST_SHARE = 8  # CIFAR-10's 32 pixels are often scaled to the 224 of an ImageNet model


def num_enlarged(deal: Deal) -> int:
    """How many of the image files that were dealt are scaled up to the drill's size, each counted once.

    Raises InvalidInput, naming the file, for one that is far too small.
    """
    form, splits = deal.form, deal.splits.values()
    if not isinstance(form, ImageForm):
        return 0
    count = 0
    for source in {id(split.source): split.source for split in splits}.values():
        if path_of := _paths(source):
            rows = np.unique(np.concatenate([split.indices for split in splits if split.source is source])).tolist()
            for row, file in zip(rows, source.encoded(rows), strict=True):
                count += _is_enlarged(file, path_of(row), form.image_size)
    return count


@contextmanager
def damage_by_name(split: Split) -> Iterator[None]:
    """Raises what is raised within, but for an image file of `split` that cannot be decoded InvalidInput naming it."""
    try:
        yield
    except InvalidInput as error:
        if damage := _damage(split):
            raise damage from error
        raise


def _damage(split: Split) -> InvalidInput | None:
    path_of = _paths(split.source)
    if path_of is None:
        return None
    for row, (file, _) in zip(split.indices.tolist(), split.encoded(), strict=True):
        try:
            split.form.decode(file)
        except InvalidInput as error:
            return InvalidInput(f"{path_of(row)}: {error}: mend the file, or remove it")
    return None


def _paths(source: ExampleSource) -> Callable[[int], Path] | None:
    """Where the examples of a source of files are."""
    return getattr(source, "path_of", None)


def _is_enlarged(file: bytes, path: Path, image_size: int) -> bool:
    width, height = open_image(file).size
    if min(width, height) * LEAST_SHARE < image_size:
        raise InvalidInput(
            f"{path} has {width} x {height} pixels, and data.image_size is {image_size}: wanted at least one "
            f"{LEAST_SHARE}th of that on the shorter side; remove the file, or lower data.image_size"
        )
    return min(width, height) < image_size
