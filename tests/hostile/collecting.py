"""Many drills against the same parties, each spied on: what the spy brought home, and the truth beside it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from seen import Columns
from spy import Spy, unpacked

from leakdrill.attacks.base import Folding
from leakdrill.data.splits import Deal, Split, deal
from leakdrill.network.identity import Credentials
from leakdrill.referee import clients, dealing, stage, steps
from leakdrill.referee.drill import Drill
from leakdrill.referee.folds import Fold
from leakdrill.scenario import threat
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep
from leakdrill.seeds import derive

#: Half of each class of 0 to 7 is in the challenge; a deal of digits takes milliseconds.
SCENARIO: dict[str, Any] = {
    "question": "Does anything but a model tell who is a member?",
    "data": {
        "set": "digits",
        "image_size": 16,
        "splits": {
            "source_train": 40, "source_test": 40, "source_validation": 5, "shadow_train": 30, "shadow_test": 30,
        },
        "target": {"classes": 2, "train": 20, "test": 20},
    },
    "cbig": {"source_model": {"arch": {"kind": "small_cnn", "width": 8}}},
    "adversary": {"workers": 1},
    "timeline": ["train_source"],  # never played: the spy wants no model
}  # fmt: skip

#: A message holds two or three examples, as it would with large photos, so that arrival says more of each.
MESSAGE_BYTES = 300


class Parties(Protocol):
    """Parties that run already, wherever they are. The adversary must be spying_adversary.py."""

    addresses: dict[str, str]

    @property
    def credentials(self) -> Credentials: ...

    def check(self) -> None: ...


@dataclass(frozen=True)
class Plan:
    """What a referee decides before it deals."""

    scenario: Scenario
    split_key: str
    run_name: str


Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Plant:
    """A referee's mistake: in its plan, in the cards it deals, or in the folds of them, of which it knows the truth."""

    plan: Callable[[Plan], Plan] = field(default=lambda plan: plan)
    cards: Callable[[Deal], Deal] = field(default=lambda cards: cards)
    folds: Callable[[list[Fold], Bools], list[Fold]] = field(default=lambda folds, is_member: folds)


@dataclass(frozen=True)
class Evidence:
    """One drill: what was seen of each of the N examples of the challenge, its place in the data set, and the truth."""

    columns: Columns
    places: NDArray[np.int64]
    is_member: NDArray[np.bool_]


class SpyStep(AttackStep):
    attack: Spy  # type: ignore[assignment]  # the plug-in, which no scenario knows


def collect(
    parties: Parties,
    num_drills: int,
    where: Path,
    plant: Plant | None = None,
    look_in: tuple[str, ...] = (),
    raw: Mapping[str, Any] = SCENARIO,
    folds: int = 0,
    first: int = 0,
) -> list[Evidence]:
    """`num_drills` drills, one after the other, each with a split of its own; the runs' folders go below `where`.

    `look_in`: more folders that the spy may search. `raw`: the scenario as it would be written. The keys
    are pinned by number, from `first` on, so only time differs between runs. In `folds` each of them is a game of its
    own.
    """
    plant = plant or Plant()
    plans = [plant.plan(_plan(number, raw)) for number in range(first, first + num_drills)]
    return with_history([game for plan in plans for game in _games(parties, plan, plant, where, look_in, folds)])


def _plan(number: int, raw: Mapping[str, Any]) -> Plan:
    scenario = Scenario.model_validate({**raw} | {"seed": 1000 + 7 * number})
    return Plan(scenario, f"{derive('hostile', str(number)):032x}", f"drill-{number}")


def _games(
    parties: Parties, plan: Plan, plant: Plant, where: Path, look_in: tuple[str, ...], folds: int
) -> Iterator[Evidence]:
    known = plan.scenario.model_dump_json(exclude={"split_key"})
    spy = Spy(data=plan.scenario.data, scenario=known, look_in=look_in, folds=folds)
    run_dir = where / plan.run_name
    with _referee(plant), Drill(plan.scenario, out=run_dir, parties=parties, split_key=plan.split_key) as played:  # type: ignore[arg-type]
        notes = played.attack(spy).notes
        made = dealing.folds_of(spy, plan.scenario, deal(plan.scenario.data, plan.split_key), plan.split_key)
    with np.load(run_dir / "truth" / "challenge.npz", allow_pickle=False) as truth:
        is_member = truth["is_member"]
    games = zip(notes["by_fold"], (fold.positions for fold in made), strict=True) if folds else [(notes, slice(None))]
    for said, positions in games:
        yield Evidence(*unpacked(said), is_member[positions])


@contextmanager
def _referee(plant: Plant) -> Iterator[None]:
    """The product's own referee, who knows the spy, sends small messages, and makes the plant's mistake."""
    dealt = stage.dealt

    def mistaken(data_json: str, split_key: str) -> Deal:
        return plant.cards(dealt(data_json, split_key))

    make_folds = dealing.make_folds

    def mistaken_folds(folding: Folding, challenge: Split, truth: Bools, *rest: Any) -> list[Fold]:
        return plant.folds(make_folds(folding, challenge, truth, *rest), truth)

    with (
        mock.patch.object(stage, "dealt", mistaken),
        mock.patch.object(dealing, "make_folds", mistaken_folds),
        mock.patch.object(steps, "AttackStep", SpyStep),
        mock.patch.object(threat, "_check_goal"),  # the spy is after photos and people alike
        mock.patch.object(clients, "MESSAGE_BYTES", MESSAGE_BYTES),
    ):
        yield


def by_identity(drills: list[Evidence]) -> list[Evidence]:
    """The same of people, where all of a person's photos are in or out: what is seen of their photos, in short."""
    return [_of_people(one) for one in drills]


def _of_people(one: Evidence) -> Evidence:
    photos = [np.flatnonzero(one.columns["label"] == label) for label in np.unique(one.columns["label"])]
    columns = {
        f"{how.__name__} {name}": np.array([how(column[own]) for own in photos])
        for name, column in one.columns.items()
        for how in (np.mean, np.min, np.max)
    }
    first = [own[0] for own in photos]
    return Evidence(columns, one.places[first], one.is_member[first])


def with_history(drills: list[Evidence]) -> list[Evidence]:
    """Each drill with what earlier ones, whose truth has come out, say of the same images."""
    dealt: dict[int, list[bool]] = {}
    told = []
    for one in drills:
        before = [dealt.get(place, []) for place in one.places.tolist()]
        columns = {
            "times dealt before": np.array([len(each) for each in before], float),
            "times a member before": np.array([sum(each) for each in before], float),
            "balance before": np.array([2.0 * sum(each) - len(each) for each in before]),
            "a member the last time": np.array([2.0 * each[-1] - 1 if each else 0.0 for each in before]),
        }
        told.append(replace(one, columns=one.columns | columns))
        for place, is_member in zip(one.places.tolist(), one.is_member.tolist(), strict=True):
            dealt.setdefault(place, []).append(is_member)
    return told
