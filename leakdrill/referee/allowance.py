"""Whether adversary.query_budget covers what attacks through csmall's face APIs ask: known before anything is trained.

What is asked hangs on people's photos alone: each once, or all pairs of a person's. Only clusters, in the place of
people, may come to more, and never to fewer: there are as many, and pairs are fewest where all are of one size.
"""

from collections import Counter

import numpy as np

from leakdrill.attacks.people.face_api import ACCESS, FaceAttack
from leakdrill.data.splits import Deal, Split
from leakdrill.errors import ScenarioError
from leakdrill.referee.dealing import folds_of
from leakdrill.referee.folds import TOLD, Fold
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep


def check_allowance(scenario: Scenario, deal: Deal, split_key: str) -> None:
    """Raises ScenarioError for attacks on people that ask one of csmall's APIs more than it will answer.

    Each fold's adversary has the whole budget; all attacks without folds, and their repeats, share that of another.
    """
    shared: Counter[str] = Counter()
    for step in scenario.timeline:
        if not isinstance(step, AttackStep) or not isinstance(step.attack, FaceAttack):
            continue
        attack, model = step.attack, ACCESS[step.attack.api].partition(":")[0]
        if folds := folds_of(attack, scenario, deal, split_key):
            most = max(_asked(attack, fold) for fold in folds)
            _refuse_beyond(scenario, most, f"a fold of attack {attack.name!r}", model)
        else:
            shared[model] += scenario.repeats * attack.num_questions(_photos(deal.splits["challenge"]))
    for model, most in shared.items():
        _refuse_beyond(scenario, most, "the attacks without folds", model)


def _asked(attack: FaceAttack, fold: Fold) -> int:
    dealt = [split for name, split in fold.splits.items() if name in ("challenge", *TOLD)]
    return attack.num_questions([count for split in dealt for count in _photos(split)])


def _photos(split: Split) -> list[int]:
    """Of each person, or of each value of an attribute that is told."""
    return [int(count) for count in np.unique(split.labels, return_counts=True)[1]]


def _refuse_beyond(scenario: Scenario, most: int, who: str, model: str) -> None:
    budget = scenario.adversary.query_budget
    if most > budget:
        raise ScenarioError(
            f"{who} would ask {model} {most:,} times, but adversary.query_budget is {budget:,}: raise it, or lower "
            "data.challenge.per_class"
        )
