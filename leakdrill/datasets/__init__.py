"""Data sets: one file each, and one line each here."""

from typing import Annotated

from pydantic import Field

from leakdrill.datasets.adult import Adult
from leakdrill.datasets.csv_table import CsvTable
from leakdrill.datasets.digits import Digits
from leakdrill.datasets.image_folder import ImageFolder
from leakdrill.datasets.lfw import Lfw
from leakdrill.datasets.location import Location
from leakdrill.datasets.members import Members
from leakdrill.datasets.purchase import Purchase
from leakdrill.datasets.synthfaces import SynthFaces
from leakdrill.datasets.synthtable import SynthTable
from leakdrill.datasets.texas import Texas
from leakdrill.plugins import Kinds
from leakdrill.spec import Spec

#: By the name a scenario calls it, for `leakdrill list datasets`: the class's docstring is its description.
DATASETS: dict[str, type[Spec]] = {
    "synthfaces": SynthFaces,
    "image_folder": ImageFolder,
    "digits": Digits,
    "lfw": Lfw,
    "synthtable": SynthTable,
    "csv": CsvTable,
    "location": Location,
    "purchase": Purchase,
    "texas": Texas,
    "adult": Adult,
    "members": Members,
}
DATASET_KINDS = Kinds("data set", "leakdrill.datasets", Spec, DATASETS, tag="set")

DatasetSpec = Annotated[
    SynthFaces | ImageFolder | Digits | Lfw | SynthTable | CsvTable | Location | Purchase | Texas | Adult | Members,
    Field(discriminator="set"),
    DATASET_KINDS,
]
