"""How long a drill will take: measured speeds on this machine, times what the scenario asks for.

What is not measured is a constant here, and named as assumed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from leakdrill.attacks.base import Attack
from leakdrill.cores import default_workers
from leakdrill.data.tasks import challenge_per_class
from leakdrill.models.fit import Fit
from leakdrill.referee.probe import Speed, probe
from leakdrill.referee.schedule import IN_TURN, Schedule
from leakdrill.scenario.data import Data
from leakdrill.scenario.grid import expand_grid
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep, PlainStep

START_SECONDS = 8.0  # assumed: three processes import torch and meet
JUDGE_SECONDS = 2.0  # assumed: intervals and the baseline on raw images
ATTACK_SECONDS = 1.0  # assumed: fitting the attack model, and shadow heads, of one repeat
WORKERS_SECONDS = 4.0  # assumed: processes that train shadow networks import torch, again in every repeat


#: What cells of a grid make once for all, and the parts of the scenario that make it.
SHARED: dict[str, Any] = {
    "start": set(),
    "dealing": {"data"},
    "source model": {"data": True, "seed": True, "cbig": {"source_model"}},
    "target model": {"data", "seed", "cbig", "csmall"},
}


@dataclass(frozen=True)
class Estimate:
    """Seconds by part of the drill, in the order it is played."""

    parts: dict[str, float]

    @property
    def seconds(self) -> float:
        return sum(self.parts.values())

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in self.parts.items())
        return f"about {duration(self.seconds)}: {parts}"


def estimate(scenario: Scenario, schedule: Schedule = IN_TURN) -> Estimate:
    """Probes this machine and estimates a drill, or the cells of a grid that this schedule plays together.

    Raises what opening the data set raises.
    """
    cells = [cell.scenario for cell in schedule.share(expand_grid(scenario))]
    num_classes = [_num_source_classes(cell.data.model_dump_json()) for cell in cells]
    batch_sizes = {fit.batch_size for cell in cells for fit in _fits(cell)}
    speed, cores = probe(cells[0], num_classes[0], batch_sizes), schedule.cores(len(cells))
    estimated = [
        (cell, estimate_seconds(cell, count, speed, cores)) for cell, count in zip(cells, num_classes, strict=True)
    ]
    return together(estimated, schedule.jobs)


def together(cells: Sequence[tuple[Scenario, Estimate]], jobs: int = 1) -> Estimate:
    """Of the cells of a grid, so many at once, which share their parties, and the data and models that are the same."""
    shared: dict[str, dict[str, float]] = {name: {} for _, estimated in cells for name in estimated.parts}
    own: list[dict[str, float]] = []
    for cell, estimated in cells:
        own.append({name: seconds for name, seconds in estimated.parts.items() if name not in SHARED})
        for name in estimated.parts.keys() & SHARED.keys():
            shared[name][cell.model_dump_json(include=SHARED[name])] = estimated.parts[name]
    of_cells = [sum(parts.values()) for parts in own]
    faster = _lasting(of_cells, jobs) / sum(of_cells)
    return Estimate(
        {
            name: _lasting(list(made.values()), jobs)
            if name in SHARED
            else faster * sum(parts.get(name, 0.0) for parts in own)
            for name, made in shared.items()
        }
    )


def _lasting(seconds: Sequence[float], jobs: int) -> float:
    """How long pieces of work take that are done by `jobs` at once, none of them by several."""
    return max(sum(seconds) / jobs, max(seconds))


def estimate_seconds(scenario: Scenario, num_source_classes: int, speed: Speed, num_cores: int) -> Estimate:
    """The estimate for these speeds, on so many cores. Models that are in a cache already are not counted on."""
    splits = scenario.data.splits
    num_dealt = sum(_num_dealt(scenario.data, num_source_classes).values())
    parts = {"start": START_SECONDS, "dealing": num_dealt / speed.dealing}
    for step in scenario.timeline:
        match step:
            case PlainStep(step="train_source"):
                fit = scenario.cbig.source_model.fit
                training = fit.copies * splits.source_train / speed.training[fit.batch_size]
                choosing = splits.source_validation / speed.forward
                parts["source model"] = fit.epochs * num_source_classes * (training + choosing)
            case PlainStep(step="adapt"):
                parts["target model"] = _adapt_seconds(scenario, speed)
            case AttackStep(attack=attack):
                num_workers = min(scenario.adversary.workers or default_workers(num_cores), num_cores)
                once = _attack_seconds(attack, scenario, num_source_classes, speed, num_workers)
                parts[f"attack {attack.name or attack.kind}"] = scenario.repeats * once
    return Estimate(parts | {"judging": JUDGE_SECONDS})


@lru_cache(maxsize=1)  # the cells of a grid mostly share their data, and a folder of images takes a while to open
def _num_source_classes(data_json: str) -> int:
    """Those that cbig trains on: by identity, half of those that are not csmall's."""
    data = Data.model_validate_json(data_json)
    num_classes = len(data.dataset.open().classes) - data.num_held_back
    return num_classes // 2 if data.challenge.members_by == "identity" else num_classes


def _num_dealt(data: Data, num_source_classes: int) -> dict[str, int]:
    """Examples of each split, the adversary's pools of the classes that the challenge is about."""
    target = data.target
    num_classes = {"source": num_source_classes, "teacher": num_source_classes, "target": _num_target_classes(data)}
    num_classes["auxiliary"] = data.people_beside("auxiliary")
    num_classes["shadow"] = num_classes[data.challenge.members_of]
    counts = data.splits.model_dump() | ({"target_train": target.train, "target_test": target.test} if target else {})
    counts |= {"auxiliary_faces": data.auxiliary_faces.per_class} if data.auxiliary_faces else {}
    return {split: num_classes[split.partition("_")[0]] * count for split, count in counts.items()}


def _num_target_classes(data: Data) -> int:
    return data.target.classes if data.target else 0


def _fits(scenario: Scenario) -> Iterator[Fit]:
    """Of every network that is trained."""
    yield scenario.cbig.source_model.fit
    yield scenario.csmall.target_model.fit
    yield from (_shadow_fit(step.attack, scenario) for step in scenario.timeline if isinstance(step, AttackStep))


def _shadow_fit(attack: Attack, scenario: Scenario) -> Fit:
    """The attack's own if it has one; an attack need not."""
    own = getattr(attack, "fit", None)
    return own if isinstance(own, Fit) else scenario.cbig.source_model.fit


def _adapt_seconds(scenario: Scenario, speed: Speed) -> float:
    """Frozen features are computed once; fine-tuning passes through the whole network in every epoch."""
    own = scenario.data.target
    num_examples = own.classes * own.train if own else 0
    target = scenario.csmall.target_model
    if target.transfer == "freeze":
        return num_examples / speed.forward
    return target.fit.passes * num_examples / speed.training[target.fit.batch_size]


def _attack_seconds(
    attack: Attack, scenario: Scenario, num_source_classes: int, speed: Speed, num_workers: int
) -> float:
    """One repeat: shadow training, every shadow and challenge example once through a network, and all queries."""
    data, dealt = scenario.data, _num_dealt(scenario.data, num_source_classes)
    num_classes = num_source_classes if data.challenge.members_of == "source" else _num_target_classes(data)
    num_challenged = 2 * num_classes * challenge_per_class(data)
    num_asked = dealt["shadow_train"] + dealt["shadow_test"] + max(num_challenged, attack.most_queries(num_challenged))
    num_trained_on = dealt[f"{data.challenge.members_of}_train"]
    num_asked += attack.rehearsal_queries(num_trained_on)
    num_passes = attack.training_passes(num_trained_on)
    rate = speed.training[_shadow_fit(attack, scenario).batch_size] * min(num_workers, attack.num_networks)
    training = WORKERS_SECONDS + num_passes / rate if num_passes else 0.0
    return training + num_asked / speed.forward + ATTACK_SECONDS


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
