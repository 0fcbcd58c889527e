"""The most exposed examples themselves, for those who may see them: only where a reader asks for it.

The one thing in a report that is not in the run's folder: pictures are read from the data set again, dealt with the
run's own key, and shown only if that deal is the run's.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image
from pydantic import ValidationError

from leakdrill.data.forms import ImageForm
from leakdrill.errors import LeakdrillError
from leakdrill.plugins import REFERENCE
from leakdrill.report.reading import Run

_SIDE = 72  # pixels


def thumbnails(run: Run, positions: Sequence[int]) -> tuple[dict[int, str], str]:
    """PNG data URIs by position in the challenge, and why there are none if there are none."""
    from leakdrill.data.splits import deal
    from leakdrill.referee.truth import load_split_key
    from leakdrill.scenario.data import Data

    if run.truth is None:
        return {}, "the run's folder has no truth"
    data = run.scenario.get("data", {})
    if any(isinstance(value, str) and REFERENCE.fullmatch(value) for value in _values(data)):
        return {}, "the data set is a class in a file, and whoever sent this folder would have it run"
    try:
        cards = deal(Data.model_validate(data), load_split_key(run.folder / "truth"))
        challenge = cards.splits["challenge"]
        is_same = np.array_equal(cards.is_member, run.truth.is_member)
        if not is_same or not np.array_equal(challenge.labels, run.truth.labels):
            return {}, "the data set there is now is dealt in another way"
        if not isinstance(cards.form, ImageForm):
            return {}, "rows of a table have no picture"
        wanted = [int(challenge.indices[position]) for position in positions]
        files = challenge.source.encoded(wanted)
        return {position: _thumbnail(file) for position, file in zip(positions, files, strict=True)}, ""
    except (LeakdrillError, ValidationError, OSError) as error:
        return {}, str(error)


def _values(value: Any) -> Iterator[Any]:
    """All that stand in it, however deep."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _values(each)
    else:
        yield value


def _thumbnail(file: bytes) -> str:
    from leakdrill.datasets.source import open_image

    image = open_image(file).convert("RGB")
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
