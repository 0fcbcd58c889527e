"""Tasks of a drill, and cbig's: which classes are whose, and how many examples of each go where."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leakdrill.data.digests import SplitDigest
from leakdrill.data.draw import draw_class, examples_by_class
from leakdrill.data.forms import Form, ImageForm, RowForm
from leakdrill.datasets import DatasetSpec
from leakdrill.datasets.members import Members, TwoFolders
from leakdrill.datasets.source import ExampleSource
from leakdrill.datasets.table import Table
from leakdrill.errors import ScenarioError
from leakdrill.scenario.data import Data
from leakdrill.seeds import numpy_generator


@dataclass(frozen=True, eq=False)
class Split:
    """Examples of `source` in the order they are dealt in: indices (N,) into it, and labels (N,) of their own task."""

    source: ExampleSource
    indices: NDArray[np.int64]
    labels: NDArray[np.int64]
    form: Form  # in which the recipient keeps them

    def __len__(self) -> int:
        return len(self.indices)

    def encoded(self) -> Iterator[tuple[bytes, int]]:
        """Image files or rows, and labels, each read when it is asked for."""
        return zip(self.source.encoded(self.indices.tolist()), self.labels.tolist(), strict=True)

    def digest(self) -> str:
        """The SplitDigest of all that is dealt. Reads every file, once."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        digest = SplitDigest(self.form)
        for file, label in self.encoded():
            digest.add(file, label)
        return digest.hexdigest()


@dataclass(frozen=True)
class Task:
    """One task's part of the deal: how many examples of each of its classes go where."""

    name: str
    source: ExampleSource
    classes: Sequence[int]  # labels in the source; the task's own labels are their positions here
    counts: Mapping[str, int]
    form: Form
    asked: str  # for an error: who asks for what
    remedy: str
    left_out: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # of the source, for nobody

    @property
    def class_names(self) -> list[str]:
        return [self.source.classes[label] for label in self.classes]

    def draw(self, split_key: str) -> dict[str, NDArray[np.int64]]:
        """Indices for each of `counts`. Raises ScenarioError naming the first class that is short."""
        by_class = examples_by_class(self.source)
        kept = {label: by_class[label][~np.isin(by_class[label], self.left_out)] for label in self.classes}
        drawn = [self._draw_class(label, own, split_key) for label, own in kept.items()]
        return {piece: np.concatenate([of_class[piece] for of_class in drawn]) for piece in self.counts}

    def _draw_class(self, label: int, indices: NDArray[np.int64], split_key: str) -> dict[str, NDArray[np.int64]]:
        name = self.source.classes[label]
        generator = numpy_generator(split_key, "split", self.name, name)
        drawn: dict[str, NDArray[np.int64]] = {}
        for own, counts, where in self._pools(indices):
            short = f"{self.asked}, but class {name!r} has {len(own)}{where}"
            if len(own) < sum(counts.values()):
                raise ScenarioError(f"{short}: {self.remedy}")
            of_pool = draw_class(own, self.source.groups[own], counts, generator)
            if of_pool is None:
                raise ScenarioError(f"{short} in near-duplicate groups, which cannot be dealt whole: {self.remedy}")
            drawn |= of_pool
        return drawn

    def _pools(self, indices: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Mapping[str, int], str]]:
        """What is drawn from which examples of a class: all from all, but where the data say who is a member."""
        is_inside = getattr(self.source, "is_inside", None)
        if is_inside is None:
            yield indices, self.counts, ""
            return
        of_members = {name: count for name, count in self.counts.items() if name in ("members", f"{self.name}_train")}
        place = "data" if self.name == "source" else "data.target.dataset"
        others = {name: count for name, count in self.counts.items() if name not in of_members}
        yield indices[is_inside[indices]], of_members, f" in {place}.members for {self.name}_train"
        yield indices[~is_inside[indices]], others, f" in {place}.non_members for all the others"

    def splits(self, drawn: Mapping[str, NDArray[np.int64]], split_key: str) -> dict[str, Split]:
        """Each of `drawn` that is not empty, in an order of its own."""
        return {
            name: self.split(numpy_generator(split_key, "order", name).permutation(indices))
            for name, indices in drawn.items()
            if len(indices)
        }

    def split(self, indices: NDArray[np.int64]) -> Split:
        own_label = np.full(len(self.source.classes), -1, np.int64)
        own_label[np.asarray(self.classes)] = np.arange(len(self.classes))
        return Split(self.source, indices, own_label[self.source.labels[indices]], self.form)


def opened(dataset: DatasetSpec, image_size: int) -> ExampleSource:
    """The data set's examples. Raises ScenarioError for images that an own model would not see as it knows them."""
    source = dataset.open()
    if isinstance(source, TwoFolders) and isinstance(dataset, Members) and not dataset.resize:
        source.check_sizes(image_size)
    return source


def input_form(source: ExampleSource, data: Data) -> Form:
    """How the source's examples are dealt: rows as wide as they are, images at the size the scenario asks for."""
    return RowForm(source.num_features) if isinstance(source, Table) else ImageForm(data.image_size)


def source_task(data: Data, source: ExampleSource) -> Task:
    num_classes = len(source.classes) - data.num_held_back
    if num_classes < 2:
        held = {"data.target": "for csmall", "data.auxiliary_faces": "for the adversary"}
        nums = zip(held.items(), (data.people_beside("target"), data.people_beside("auxiliary")), strict=True)
        parts = [f", and {key}.classes holds {num} back {whom}" for (key, whom), num in nums if num]
        held_back = "".join(parts) if data.num_held_back else ""
        raise ScenarioError(
            f"the data set has {len(source.classes)} classes{held_back}: the source task needs at least 2 of its own"
        )
    if is_by_identity(data) and num_classes < 4:
        raise ScenarioError(
            f"data.challenge.members_by identity needs 2 classes in and 2 out, got {num_classes} in all"
        )
    counts = counts_of(data, "source")
    asked = asked_for("data.splits", counts)
    how = remedy("lower a split", data.dataset, "data", sum(counts.values()))
    pieces = with_challenge(data, "source", counts)
    return Task("source", source, range(num_classes), pieces, input_form(source, data), asked, how)


def is_by_identity(data: Data) -> bool:
    return data.challenge.members_by == "identity"


def challenge_per_class(data: Data) -> int:
    """Members of each class of the challenge. Raises ScenarioError for more than there are to draw from."""
    challenge = data.challenge
    train, test = (f"{challenge.members_of}_{half}" for half in ("train", "test"))
    dealt = _own_counts(data, challenge.members_of)
    available = {test: dealt[test]} if not is_by_identity(data) else {}
    if challenge.home == train:
        available[train] = dealt[train]
    all_of = (train,) if is_by_identity(data) else (train, test)
    per_class = challenge.per_class or min(dealt[split] for split in all_of)
    for split, count in available.items():
        if per_class > count:
            key = f"data.splits.{split}" if challenge.members_of == "source" else f"data.target.{split[7:]}"
            raise ScenarioError(
                f"data.challenge.per_class={per_class} is more than {key}={count}, which it is drawn from: "
                "lower the one or raise the other"
            )
    return per_class


def _own_counts(data: Data, task: str) -> dict[str, int]:
    """What the owner of a task is dealt of each of its classes."""
    if task == "target":
        return {"target_train": data.target.train, "target_test": data.target.test} if data.target else {}
    if task == "auxiliary":
        return {"auxiliary_faces": data.auxiliary_faces.per_class} if data.auxiliary_faces else {}
    return {name: count for name, count in data.splits.model_dump().items() if name.startswith("source_")}


def counts_of(data: Data, task: str) -> dict[str, int]:
    """Every split of a task's classes: the owner's, and the adversary's."""
    counts = _own_counts(data, task)
    of_adversary = {name: count for name, count in data.splits.model_dump().items() if name not in counts}
    if task == "source":
        counts["teacher_train"] = of_adversary["teacher_train"]
    if task == data.challenge.members_of:
        counts |= {name: of_adversary[name] for name in ("shadow_train", "shadow_test")}
        if data.challenge.home == "unseen":
            counts["unseen"] = challenge_per_class(data)
    return {name: count for name, count in counts.items() if count}


def with_challenge(data: Data, task: str, counts: Mapping[str, int]) -> dict[str, int]:
    """`counts`, with the challenge's pieces apart from the splits they belong to, if it is about this task."""
    if task != data.challenge.members_of:
        return dict(counts)
    pieces, challenge, per_class = dict(counts), data.challenge, challenge_per_class(data)
    drawn_from = {"members": challenge.home} | ({} if is_by_identity(data) else {"non_members": challenge.elsewhere})
    for piece, split in drawn_from.items():
        pieces[piece] = per_class
        pieces[split] -= per_class
    return pieces


def asked_for(key: str, counts: Mapping[str, int]) -> str:
    parts = " + ".join(f"{split} {count}" for split, count in counts.items())
    return f"{key} asks for {sum(counts.values())} examples of each class ({parts})"


def remedy(lower: str, dataset: DatasetSpec, key: str, total: int) -> str:
    """What helps; where the data set can leave out small classes, how to tell it to."""
    can_select = "min_per_class" in type(dataset).model_fields
    return f"{lower} or set {key}.min_per_class={total}" if can_select else lower
