"""The deal: who gets which examples. Splits are disjoint, stratified by class, and keep near-duplicates together.

Members and non-members must be exchangeable, or an attack could score without any model. The challenge's members and
its non-members are two pieces of equal size in one draw (leakdrill.data.draw), which knows them by their size alone;
what source_train and source_test hold beside them is drawn with them, and which class is csmall's does not depend on
it.

Either task can be the one that the challenge is about (data.challenge.members_of): its draw has the challenge's pieces
and the adversary's shadow pools; the other is dealt to its owner alone.

With data.challenge.members_by "identity" a whole class is in or out (FaceLeaks, section 5.1): every class is drawn in
the same way, the split key says whose are cbig's, and of the others only the challenge's piece is kept. The challenge
numbers all of them afresh, in an order that hangs on the key too.

Whose people are whose beside cbig's, csmall's and those whom the adversary knows anyway, is leakdrill.data.beside's.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leakdrill.data.beside import LeftOut, tasks_beside
from leakdrill.data.forms import Form
from leakdrill.data.tasks import Split, Task, is_by_identity, opened, source_task
from leakdrill.datasets.remembered import remembered
from leakdrill.scenario.data import Data
from leakdrill.seeds import numpy_generator

__all__ = ["RECIPIENTS", "Deal", "Split", "check_disjoint", "deal"]

#: Which splits each party is dealt. Beside these, the adversary gets target_train if the scenario grants it
#: `target_examples`, and auxiliary_faces if it grants these; it gets the shadow splits and teacher_train only if it is
#: granted `shadow_examples`. Nobody gets `unseen` or `outsiders`.
RECIPIENTS: dict[str, tuple[str, ...]] = {
    "cbig": ("source_train", "source_validation", "source_test", "source_public"),
    "csmall": ("target_train", "target_test"),
    "adversary": ("shadow_train", "shadow_test", "teacher_train", "challenge"),
}


@dataclass(frozen=True, eq=False)
class Deal:
    """Every split by name, none of them empty; is_member (M,) in the order of the split `challenge`.

    With data.challenge.members_from "unseen", the examples that stand in for members are also the split `unseen`; with
    members_by "identity", the non-members are the split `outsiders`, and the challenge has labels of its own.
    """

    splits: dict[str, Split]
    is_member: NDArray[np.bool_]
    class_names: list[str]  # of the source task
    target_class_names: list[str]  # none where csmall has no data of its own
    members_of: Literal["source", "target"] = "source"
    left_out: LeftOut | None = None  # of csmall's data set, where that is another

    @property
    def form(self) -> Form:
        return self.splits["source_train"].form

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def num_target_classes(self) -> int:
        return len(self.target_class_names)


def deal(data: Data, split_key: str) -> Deal:
    """The deal that `split_key` decides. Raises ScenarioError saying what is short, and in which class.

    Unless csmall has a data set of its own, the last data.target.classes classes of the set, in order, are its own.
    Without data.target it has none at all.
    """
    source = remembered(opened(data.dataset, data.image_size))
    own = source_task(data, source)
    is_asked = data.challenge.members_of == "source"
    sides = (_identities if is_by_identity(data) else _photos)(data, own, split_key) if is_asked else None
    # The order of a split carries nothing: neither classes, nor who of a training set is in the challenge.
    splits = dict(sides.splits) if sides else own.splits(own.draw(split_key), split_key)
    beside = tasks_beside(data, source)
    target = beside.target
    if sides is None:
        assert target is not None, "data.target is there where it is asked about"
        sides = _photos(data, target, split_key)
        splits |= sides.splits
    for task in (target if is_asked else None, beside.auxiliary):
        splits |= task.splits(task.draw(split_key), split_key) if task else {}
    order = numpy_generator(split_key, "order", "challenge").permutation(2 * len(sides.members))
    splits["challenge"] = sides.challenge.split(np.concatenate([sides.members, sides.non_members])[order])
    class_names = sides.owner.class_names if is_asked else own.class_names
    target_names = target.class_names if target else []
    made = Deal(
        splits, order < len(sides.members), class_names, target_names, data.challenge.members_of, beside.left_out
    )
    check_disjoint(made)
    return made


def check_disjoint(deal: Deal) -> None:
    """Raise RuntimeError if two splits share an example or a near-duplicate, or the challenge is not what it should be.

    It knows nothing of how the deal was made: it stands between a slip there and results that mean nothing.
    """
    owners: dict[tuple[int, int], str] = {}
    for name, split in deal.splits.items():
        if len(np.unique(split.indices)) < len(split):
            raise RuntimeError(f"split {name!r} holds an example twice")
        for group in np.unique(split.source.groups[split.indices]).tolist() if name != "challenge" else []:
            owner = owners.setdefault((id(split.source), group), name)
            if owner != name:
                raise RuntimeError(f"splits {owner!r} and {name!r} share the near-duplicate group {group}")
    challenge = deal.splits["challenge"].indices
    home = deal.splits.get("unseen", deal.splits[f"{deal.members_of}_train"])
    if not np.isin(challenge[deal.is_member], home.indices).all():
        raise RuntimeError("the challenge has a member that is not of the members' split")
    others = "outsiders" if "outsiders" in deal.splits else f"{deal.members_of}_test"
    if not np.isin(challenge[~deal.is_member], deal.splits[others].indices).all():
        raise RuntimeError(f"the challenge has a non-member that is not of {others}")
    for apart in {"outsiders", "auxiliary_faces"} & set(deal.splits):
        _check_identities(deal, apart)


def _check_identities(deal: Deal, apart: str) -> None:
    """Raise RuntimeError if the people of a split are in another, but for the challenge with its own non-members."""
    people = _classes(deal.splits[apart])
    for name, split in deal.splits.items():
        is_its_own = name in ((apart, "challenge") if apart == "outsiders" else (apart,))
        is_of_source = split.source is deal.splits[apart].source
        if not is_its_own and is_of_source and (shared := people & _classes(split)):
            raise RuntimeError(f"splits {apart!r} and {name!r} share {len(shared)} classes")


def _classes(split: Split) -> set[int]:
    return set(split.source.labels[split.indices].tolist())


@dataclass(frozen=True)
class _Sides:
    """Who is in the challenge, and the splits of its task beside it."""

    members: NDArray[np.int64]
    non_members: NDArray[np.int64]
    splits: dict[str, Split]
    owner: Task  # with the classes that the model under attack knows
    challenge: Task


def _photos(data: Data, task: Task, split_key: str) -> _Sides:
    """Members and non-members of the same classes."""
    drawn = task.draw(split_key)
    members, non_members = drawn.pop("members"), drawn.pop("non_members")
    home, elsewhere = data.challenge.home, data.challenge.elsewhere
    drawn[home] = np.concatenate([members, drawn[home]])
    drawn[elsewhere] = np.concatenate([non_members, drawn[elsewhere]])
    return _Sides(members, non_members, task.splits(drawn, split_key), task, task)


def _identities(data: Data, task: Task, split_key: str) -> _Sides:
    """Half of the classes are cbig's; of as many others only the challenge has examples."""
    num_classes = len(task.classes)
    shuffled = numpy_generator(split_key, "identities").permutation(num_classes)
    inside, outside = np.sort(shuffled[: num_classes // 2]), np.sort(shuffled[num_classes // 2 :][: num_classes // 2])
    cbig = replace(task, classes=[task.classes[number] for number in inside])
    names = numpy_generator(split_key, "challenge labels").permutation(np.concatenate([inside, outside]))
    challenge = replace(task, classes=[task.classes[number] for number in names])

    by_class = {piece: indices.reshape(num_classes, -1) for piece, indices in task.draw(split_key).items()}
    drawn = {piece: indices[inside].ravel() for piece, indices in by_class.items()}
    members, non_members = drawn.pop("members"), by_class["members"][outside].ravel()
    drawn[data.challenge.home] = np.concatenate([members, drawn[data.challenge.home]])
    splits = cbig.splits(drawn, split_key) | challenge.splits({"outsiders": non_members}, split_key)
    return _Sides(members, non_members, splits, cbig, challenge)
