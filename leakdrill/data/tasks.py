"""The two tasks of a drill, cbig's and csmall's: which classes are whose, and how many examples of each go where."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leakdrill.data.draw import draw_class, examples_by_class
from leakdrill.data.forms import Form, ImageForm, RowForm
from leakdrill.datasets import DatasetSpec
from leakdrill.datasets.remembered import remembered
from leakdrill.datasets.source import ExampleSource
from leakdrill.datasets.table import Table
from leakdrill.errors import ScenarioError
from leakdrill.parties.store import SplitDigest
from leakdrill.scenario.data import Data, TargetTask
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

    @property
    def class_names(self) -> list[str]:
        return [self.source.classes[label] for label in self.classes]

    def draw(self, split_key: str) -> dict[str, NDArray[np.int64]]:
        """Indices for each of `counts`. Raises ScenarioError naming the first class that is short."""
        by_class = examples_by_class(self.source)
        drawn = [self._draw_class(label, by_class[label], split_key) for label in self.classes]
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
        of_members = {name: count for name, count in self.counts.items() if name in ("members", "source_train")}
        others = {name: count for name, count in self.counts.items() if name not in of_members}
        yield indices[is_inside[indices]], of_members, " in data.members for source_train"
        yield indices[~is_inside[indices]], others, " in data.non_members for all the others"

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


def input_form(source: ExampleSource, data: Data) -> Form:
    """How the source's examples are dealt: rows as wide as they are, images at the size the scenario asks for."""
    return RowForm(source.num_features) if isinstance(source, Table) else ImageForm(data.image_size)


def source_task(data: Data, source: ExampleSource) -> Task:
    num_classes = len(source.classes) - data.num_held_back
    if num_classes < 2:
        held_back = (
            f", and data.target.classes holds {data.num_held_back} back for csmall" if data.num_held_back else ""
        )
        raise ScenarioError(
            f"the data set has {len(source.classes)} classes{held_back}: the source task needs at least 2 of its own"
        )
    if is_by_identity(data) and num_classes < 4:
        raise ScenarioError(
            f"data.challenge.members_by identity needs 2 classes in and 2 out, got {num_classes} in all"
        )
    counts = _counts(data, "source")
    asked = _asked("data.splits", counts)
    remedy = _remedy("lower a split", data.dataset, "data", sum(counts.values()))
    pieces = _with_challenge(data, "source", counts)
    return Task("source", source, range(num_classes), pieces, input_form(source, data), asked, remedy)


def target_task(data: Data, source: ExampleSource) -> Task | None:
    """csmall's own, if it has one: of classes of the data set itself, or of another."""
    if data.target is None:
        return None
    other = open_other(data, data.target)
    return held_back_task(data, source) if other is None else other_task(data, other, data.target.classes)


def held_back_task(data: Data, source: ExampleSource) -> Task:
    """The last classes of the source's own data set."""
    last = range(len(source.classes) - data.num_held_back, len(source.classes))
    counts = _counts(data, "target")
    remedy = _remedy("lower data.target.train or .test", data.dataset, "data", sum(counts.values()))
    pieces = _with_challenge(data, "target", counts)
    return Task("target", source, last, pieces, input_form(source, data), _asked("data.target", counts), remedy)


def other_task(data: Data, other: ExampleSource, wanted: int) -> Task:
    """The first `wanted` classes of another data set that have enough examples."""
    counts = _counts(data, "target")
    asked, remedy = _asked("data.target", counts), "lower data.target.train, .test or .classes"
    total = sum(counts.values())
    enough = [label for label, indices in enumerate(examples_by_class(other)) if len(indices) >= total]
    if len(enough) < wanted:
        raise ScenarioError(
            f"{asked} in {wanted} classes, but only {len(enough)} of the {len(other.classes)} classes of "
            f"data.target.dataset have as many: {remedy}"
        )
    pieces = _with_challenge(data, "target", counts)
    return Task("target", other, enough[:wanted], pieces, input_form(other, data), asked, remedy)


def open_other(data: Data, target: TargetTask) -> ExampleSource | None:
    """csmall's own data set. Raises ScenarioError if it is the source's: its examples would be dealt twice."""
    other = target.dataset
    if other is None:
        return None
    if _origin(other) == _origin(data.dataset):
        raise ScenarioError(
            "data.target.dataset is the source task's own data set: name another, or leave it out to hold classes back"
        )
    try:
        return remembered(other.open())
    except ScenarioError as error:
        raise ScenarioError(f"in data.target.dataset: {error}") from error


def _origin(dataset: DatasetSpec) -> object:
    """Where a data set's examples come from: two of the same origin may share some, whatever else is set."""
    root = getattr(dataset, "root", None) or getattr(dataset, "file", None)
    return root.expanduser().resolve() if root else (dataset.set, getattr(dataset, "seed", None))


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
    return {name: count for name, count in data.splits.model_dump().items() if name.startswith("source_")}


def _counts(data: Data, task: str) -> dict[str, int]:
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


def _with_challenge(data: Data, task: str, counts: Mapping[str, int]) -> dict[str, int]:
    """`counts`, with the challenge's pieces apart from the splits they belong to, if it is about this task."""
    if task != data.challenge.members_of:
        return dict(counts)
    pieces, challenge, per_class = dict(counts), data.challenge, challenge_per_class(data)
    drawn_from = {"members": challenge.home} | ({} if is_by_identity(data) else {"non_members": challenge.elsewhere})
    for piece, split in drawn_from.items():
        pieces[piece] = per_class
        pieces[split] -= per_class
    return pieces


def _asked(key: str, counts: Mapping[str, int]) -> str:
    parts = " + ".join(f"{split} {count}" for split, count in counts.items())
    return f"{key} asks for {sum(counts.values())} examples of each class ({parts})"


def _remedy(lower: str, dataset: DatasetSpec, key: str, total: int) -> str:
    """What helps; where the data set can leave out small classes, how to tell it to."""
    can_select = "min_per_class" in type(dataset).model_fields
    return f"{lower} or set {key}.min_per_class={total}" if can_select else lower
