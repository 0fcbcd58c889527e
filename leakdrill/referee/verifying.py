"""The referee tries csmall's verification on a public protocol's pairs, through the live API."""

import numpy as np

from leakdrill.data.forms import ImageForm
from leakdrill.datasets.lfw_pairs import PhotoPairs
from leakdrill.models.training import Progress
from leakdrill.models.verification import Calibration, calibrate
from leakdrill.oracles.pairs import PairOracle

NUM_PHOTOS = 1024  # decoded at a time: 75 MiB at 160 pixels


def verify(given: PhotoPairs, form: ImageForm, oracle: PairOracle, progress: Progress) -> Calibration:
    """Accuracy and threshold over the protocol's own folds. Every photo is sent once."""
    handles = []
    for start in range(0, len(given.photos.labels), NUM_PHOTOS):
        numbers = range(start, min(start + NUM_PHOTOS, len(given.photos.labels)))
        images = np.stack([form.decode(file) for file in given.photos.encoded(numbers)])
        handles.append(oracle.enrol(images))
        progress(numbers.stop / len(given.photos.labels), f"{numbers.stop:,} photos enrolled")
    enrolled = np.concatenate(handles)
    pairs = given.pairs
    return calibrate(oracle.distances_of(enrolled[pairs.first], enrolled[pairs.second]), pairs)
