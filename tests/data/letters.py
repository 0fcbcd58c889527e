"""Folders of tiny images whose classes are letters, and how they are dealt."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from leakdrill.scenario.data import Data

SPLITS = {"source_train": 6, "source_test": 5, "source_validation": 2, "shadow_train": 4, "shadow_test": 3}  # 20
TARGET = {"classes": 2, "train": 4, "test": 3}


def data(root: Path, **changes: Any) -> Data:
    keys = {"set": "image_folder", "root": root, "image_size": 8, "splits": SPLITS, "target": TARGET}
    return Data.model_validate(keys | changes)


def write_folder(root: Path, sizes: dict[str, int]) -> Path:
    for name, size in sizes.items():
        (root / name).mkdir(parents=True)
        for number in range(size):
            file = io.BytesIO()
            Image.new("RGB", (2, 2), (number, len(name), 0)).save(file, "PNG")
            (root / name / f"{number:04d}.png").write_bytes(file.getvalue())
    return root
