"""The contact sheet: `python -m leakdrill.faces docs/images/synthfaces.png`."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from leakdrill.faces.render import render


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a sheet of faces, one identity per row.")
    parser.add_argument("out", type=Path, help="the PNG file to write")
    parser.add_argument("--seed", type=int, default=0, help="of the population (default: %(default)s)")
    parser.add_argument("--identities", type=int, default=8, help="rows (default: %(default)s)")
    parser.add_argument("--photos", type=int, default=10, help="columns (default: %(default)s)")
    parser.add_argument("--size", type=int, default=64, help="pixels of a photo (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.5, help="of the sheet (default: %(default)s)")
    asked = parser.parse_args()
    sheet = contact_sheet(asked.seed, asked.identities, asked.photos, asked.size)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    shown = (round(sheet.width * asked.scale), round(sheet.height * asked.scale))
    sheet = sheet.resize(shown, Image.Resampling.LANCZOS)
    # 64 levels a channel: for nothing to be seen, the grain's last bits nearly double the file.
    sheet.point(lambda level: level & 0xFC).save(asked.out, optimize=True)


def contact_sheet(seed: int, identities: int, photos: int, size: int) -> Image.Image:
    rows = [render(seed, [(identity, photo) for photo in range(photos)], size) for identity in range(identities)]
    tiles = np.stack(rows)  # (identities, photos, size, size, 3)
    return Image.fromarray(tiles.swapaxes(1, 2).reshape(identities * size, photos * size, 3))


if __name__ == "__main__":
    main()
