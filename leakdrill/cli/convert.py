"""Data sets as folders of images, made once and outside any party."""

from pathlib import Path
from typing import Annotated

import typer

data = typer.Typer(no_args_is_help=True, help="Convert published data sets to folders of images.")


@data.callback()
def _data() -> None:
    """Keeps `cifar10` a command of its own name while it is the only one."""


@data.command()
def cifar10(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="cifar-10-binary.tar.gz, or its folder.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder, for train/ and test/.")],
) -> None:
    """CIFAR-10's binary version as two trees of PNG files, for `set: image_folder`.

    \b
    leakdrill data cifar10 cifar-10-binary.tar.gz data/cifar10
    """
    from leakdrill.datasets.cifar10 import convert_cifar10

    count = convert_cifar10(archive, out)
    typer.echo(f"{count:,} images in {out}")
