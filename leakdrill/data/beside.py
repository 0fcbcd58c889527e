"""The people beside cbig's: those of csmall's task, and those whom the adversary knows anyway.

Either they are held back, the last classes of cbig's own data set, csmall's the very last; or both are of another data
set, the first that have enough photos, csmall's first. Nobody in one of these groups is in another, or cbig's, or in
the challenge. Of another data set that is checked: an image that looks like any of cbig's data set is left out with its
near-duplicates, and where whole people are in or out, so is whoever has the name of one of the data set's. Of all of
it, dealt or not: an adversary who is dealt of a public data set sees what is missing, and that must not hang on the
split key.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leakdrill.counted import counted
from leakdrill.data.draw import examples_by_class
from leakdrill.data.duplicates import MAX_SOURCE, Hashes, hashes_of, is_comparable, look_alike, plain_name
from leakdrill.data.tasks import (
    Task,
    asked_for,
    counts_of,
    input_form,
    is_by_identity,
    opened,
    remedy,
    with_challenge,
)
from leakdrill.datasets import DatasetSpec
from leakdrill.datasets.members import Members
from leakdrill.datasets.remembered import remembered
from leakdrill.datasets.source import ExampleSource
from leakdrill.errors import ScenarioError
from leakdrill.scenario.data import Data

KEYS = {"target": "data.target", "auxiliary": "data.auxiliary_faces"}


@dataclass(frozen=True)
class LeftOut:
    """Of the other data set, because cbig's has it: people by name, and images that look like one of its."""

    people: int
    images: int | None  # None: too many to compare, or too small


@dataclass(frozen=True)
class Beside:
    target: Task | None = None
    auxiliary: Task | None = None
    left_out: LeftOut | None = None  # None: there is no other data set


def tasks_beside(data: Data, source: ExampleSource) -> Beside:
    """csmall's and the adversary's, where cbig's part is of `source`. They are the same whatever the split key.

    Raises ScenarioError where another data set has too few people, is cbig's own, or has examples of another form.
    """
    wanted = {name: data.people_beside(name) for name in KEYS if data.people_beside(name)}
    other = open_other(data)
    if other is None:
        tasks, end = {}, len(source.classes)
        for name, num in wanted.items():
            tasks[name] = _task(name, data, source, range(end - num, end), np.empty(0, np.int64))
            end -= num
        return Beside(tasks.get("target"), tasks.get("auxiliary"))
    search = _Search.of(data, source, other)
    tasks = {name: search.task(name, num) for name, num in wanted.items()}
    return Beside(tasks["target"], tasks.get("auxiliary"), search.left_out)


def open_other(data: Data) -> ExampleSource | None:
    """csmall's own data set. Raises ScenarioError if it is the source's: its examples would be dealt twice."""
    other = data.target.dataset if data.target else None
    if other is None:
        return None
    if _origin(other) == _origin(data.dataset):
        raise ScenarioError(
            "data.target.dataset is the source task's own data set: name another, or leave it out to hold classes back"
        )
    try:
        return remembered(opened(other, data.image_size))
    except ScenarioError as error:
        raise ScenarioError(f"in data.target.dataset: {error}") from error


def _origin(dataset: DatasetSpec) -> object:
    """Where a data set's examples come from: two of the same origin may share some, whatever else is set."""
    root = getattr(dataset, "root", None) or getattr(dataset, "file", None)
    root = dataset.members if isinstance(dataset, Members) else root
    return root.expanduser().resolve() if root else (dataset.set, getattr(dataset, "seed", None))


@dataclass
class _Search:
    """For people of another data set, one after the other."""

    data: Data
    other: ExampleSource
    namesakes: set[int]
    known: Hashes | None  # of all of cbig's data set; None: images are not compared
    by_class: list[NDArray[np.int64]]
    next: int = 0  # class to look at
    copies: list[NDArray[np.int64]] = field(default_factory=list)

    @classmethod
    def of(cls, data: Data, source: ExampleSource, other: ExampleSource) -> "_Search":
        form, others = input_form(source, data), input_form(other, data)
        if form != others:
            raise ScenarioError(f"data.target.dataset has {others}, the source task {form}: g_s takes one form")
        names = {plain_name(name) for name in source.classes} if is_by_identity(data) else set()
        namesakes = {label for label, name in enumerate(other.classes) if plain_name(name) in names}
        can_compare = is_comparable(form, len(source.labels), MAX_SOURCE)
        known = hashes_of(source.encoded(range(len(source.labels)))) if can_compare else None
        return cls(data, other, namesakes, known, examples_by_class(other))

    @property
    def left_out(self) -> LeftOut:
        num_copies = sum(map(len, self.copies)) if self.known is not None else None
        return LeftOut(len(self.namesakes), num_copies)

    def task(self, name: str, wanted: int) -> Task:
        """Of the next `wanted` people with enough photos. Raises ScenarioError when there are fewer."""
        total = sum(counts_of(self.data, name).values())
        chosen: list[int] = []
        while self.next < len(self.by_class) and len(chosen) < wanted:
            if self.next not in self.namesakes and self._num_left(self.next, total) >= total:
                chosen.append(self.next)
            self.next += 1
        if len(chosen) < wanted:
            raise ScenarioError(self._short(name, wanted, len(chosen)))
        return _task(name, self.data, self.other, chosen, np.concatenate([np.empty(0, np.int64), *self.copies]))

    def _num_left(self, label: int, total: int) -> int:
        """Photos of a person that look like none of cbig's data set: those that do are noted as copies."""
        own = self.by_class[label]
        if self.known is None or len(own) < total:
            return len(own)
        hashes = hashes_of(self.other.encoded(own.tolist()))
        if hashes is None:
            self.known = None
            return len(own)
        is_copy = look_alike(hashes, self.known)
        groups = self.other.groups[own]
        copies = own[np.isin(groups, groups[is_copy])]
        self.copies.append(copies)
        return len(own) - len(copies)

    def _short(self, name: str, wanted: int, num: int) -> str:
        beside = " beside csmall's" if name == "auxiliary" and self.data.target else ""
        left = self.left_out
        without = [f"{left.people} with the name of one of cbig's data set's"] if left.people else []
        alike = "image that looks like one of cbig's", "images that look like one of cbig's"
        without += [counted(left.images, *alike)] if left.images else []
        left_out = f" (left out: {', and '.join(without)})" if without else ""
        return (
            f"{asked_for(KEYS[name], counts_of(self.data, name))} in {wanted} classes, but only {num} of the "
            f"{len(self.other.classes)} classes of data.target.dataset have as many{beside}{left_out}: "
            f"{_lower(name)}"
        )


def _lower(name: str) -> str:
    return (
        "lower data.target.train, .test or .classes"
        if name == "target"
        else "lower data.auxiliary_faces.per_class or .classes"
    )


def _task(
    name: str, data: Data, source: ExampleSource, classes: range | list[int], left_out: NDArray[np.int64]
) -> Task:
    counts, is_other = counts_of(data, name), isinstance(classes, list)
    lower = "lower data.target.train or .test" if name == "target" else "lower data.auxiliary_faces.per_class"
    how = _lower(name) if is_other else remedy(lower, data.dataset, "data", sum(counts.values()))
    pieces = with_challenge(data, name, counts)
    form, asked = input_form(source, data), asked_for(KEYS[name], counts)
    return Task(name, source, classes, pieces, form, asked, how, left_out)
