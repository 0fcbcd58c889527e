"""The judge: turns what the parties and the adversary said, and the truth, into results. Nothing here is ever sent."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from leakdrill.attacks.base import Attack, Verdict
from leakdrill.data.examples import Inputs
from leakdrill.data.pictures import num_enlarged
from leakdrill.data.splits import Deal, Split
from leakdrill.datasets.members import Members
from leakdrill.metrics import Judged, proportion
from leakdrill.models.verification import Calibration
from leakdrill.network.policy import Policy
from leakdrill.pb.party_pb2 import TrainReport
from leakdrill.referee.baseline import Baseline, judge_baseline, judge_identities
from leakdrill.referee.defended import defence_results
from leakdrill.referee.expect import Evidence, decide, overall
from leakdrill.referee.folds import Folded, Rows
from leakdrill.referee.judged_attack import judge_attack
from leakdrill.referee.overlap import overlaps
from leakdrill.referee.question import question
from leakdrill.referee.truth import Truth
from leakdrill.results import (
    AttackResult,
    BreachResult,
    Exclusion,
    ExpectationResult,
    ModelResult,
    Privacy,
    Proportion,
    ResponseResult,
    Results,
    VerificationResult,
)
from leakdrill.scenario.schema import Scenario


class Judge:
    """Holds the truth of one drill and collects its evidence."""

    def __init__(self, scenario: Scenario, truth: Truth, cards: Deal) -> None:
        self._scenario = scenario
        self._truth = truth
        self._cards = cards
        self._models: dict[str, ModelResult] = {}
        self._verification: dict[str, VerificationResult] = {}
        self._verified: Split | None = None
        self._exclusions: list[Exclusion] = []
        if (left_out := cards.left_out) is not None:
            excluded = Exclusion(of="data.target.dataset", people=left_out.people, images=left_out.images)
            self._exclusions.append(excluded)
        self._breaches: list[BreachResult] = []
        self._responses: list[ResponseResult] = []
        self._switched: list[Scenario] = []  # as each `defend` left it
        self._in_force: dict[str, Scenario] = {}  # by attack: as it was when that was played
        self._played: dict[str, Attack] = {}
        self._attacks: dict[str, AttackResult] = {}
        self._judged: dict[str, Judged] = {}
        self._within: dict[str, dict[int, Judged]] = {}
        self._units: dict[str, Rows] = {}
        self._baseline: Baseline | None = None

    @property
    def _is_by_identity(self) -> bool:
        return self._scenario.data.challenge.members_by == "identity"

    @property
    def num_challenge(self) -> int:
        return len(self._truth.is_member)

    def go_on_with(self, scenario: Scenario) -> None:
        """The drill's scenario is another from now on: a step was left out."""
        self._scenario = scenario

    def model(self, name: str, report: TrainReport) -> ModelResult:
        """A model's accuracies, from the counts that its owner reports."""
        self._models[name] = ModelResult(
            train_accuracy=_accuracy(report, f"{name}_train"),
            test_accuracy=_accuracy(report, f"{name}_test"),
            validation_accuracy=_accuracy(report, "source_validation") if name == "source" else None,
            best_epoch=report.best_epoch,
            weights_sha256=report.weights_sha256,
            seconds=report.seconds,
            privacy=_privacy(report),
        )
        return self._models[name]

    def strangers(self, verified: Split, left_out: Exclusion) -> None:
        """The photos on which csmall's verification is tried, and what was left out of them."""
        self._verified = verified
        self._exclusions.append(left_out)

    def verification(self, pairs: str, calibration: Calibration) -> VerificationResult:
        """csmall's verification on so named pairs."""
        self._verification[pairs] = VerificationResult(**asdict(calibration))
        return self._verification[pairs]

    def breach(self, result: BreachResult) -> BreachResult:
        self._breaches.append(result)
        return result

    def response(self, result: ResponseResult, in_force: Scenario | None = None) -> ResponseResult:
        """in_force: the scenario with the defences that stand now, where the response is others."""
        self._responses.append(result)
        self._switched += [in_force] if in_force else []
        return result

    def attack(
        self,
        attack: Attack,
        verdicts: Sequence[Verdict],
        queries: Mapping[str, int],
        seconds: float,
        folds: Folded | None = None,
        in_force: Scenario | None = None,
    ) -> AttackResult:
        """An attack judged over its repeats; the notes are those of the first. `folds`: where it was played so.

        in_force: the scenario with the defences that stood then, if others were switched in.
        """
        self._in_force[attack.name] = in_force or self._scenario
        found = judge_attack(
            attack,
            verdicts,
            question(attack, self._cards, self._truth.is_member),
            self._in_force[attack.name],
            self._truth,
            queries,
            seconds,
            folds,
        )
        if found.is_comparable:
            self._judged[attack.name], self._within[attack.name] = found.judged, found.within
            self._units[attack.name] = found.units
        self._played[attack.name], self._attacks[attack.name] = attack, found.result
        return found.result

    def add(self, attack: Attack, result: AttackResult) -> None:
        """An attack that was judged elsewhere: it stands among the others, and decides no expectation."""
        self._in_force.setdefault(attack.name, self._switched[-1] if self._switched else self._scenario)
        self._played[attack.name], self._attacks[attack.name] = attack, result

    def results(self, environment: dict[str, Any], seconds: dict[str, float], error: str | None) -> Results:
        """All that was found; expectations are decided unless the drill broke before its end."""
        expectations = [] if error else self._expectations()
        baseline = self._look_at_the_images()
        doubt = self._doubt(baseline.result)
        verdict = "undecided" if doubt else overall(expectation.outcome for expectation in expectations)
        return Results(
            scenario=self._scenario.model_dump(mode="json"),
            verdict="broken" if error else verdict,
            error=error,
            undecided_because=doubt,
            models=self._models,
            verification=self._verification,
            breaches=self._breaches,
            responses=tuple(self._responses),
            baseline=baseline.result,
            attacks=list(self._attacks.values()),
            defences=tuple(
                defence_results(self._scenario, self._switched, self._in_force, self._played, self._attacks)
            ),
            overlaps=tuple(overlaps(self._cards, self._verified)),
            exclusions=tuple(self._exclusions),
            num_enlarged=num_enlarged(self._cards),
            expectations=expectations,
            policy=Policy.load().rows,
            environment=environment | {"data_sha256": self._data_digest()},
            seconds=seconds,
        )

    def _doubt(self, baseline: AttackResult) -> str | None:
        """Why nothing can be decided about members that somebody else chose; None where the images say nothing."""
        auc, data = baseline.auc, self._scenario.data
        target = data.target if data.challenge.members_of == "target" else None
        dataset, place = (target.dataset, "data.target.dataset") if target else (data.dataset, "data")
        if not isinstance(dataset, Members) or auc.low is None or auc.high is None:
            return None
        if auc.low <= 0.5 <= auc.high:
            return None
        return (
            f"{place}.members and {place}.non_members differ by more than membership: a classifier that asks no model "
            f"tells them apart (baseline.auc = {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]), so an attack's "
            "success may be the same difference; give non-members from the same source as the members"
        )

    def _expectations(self) -> list[ExpectationResult]:
        baseline = self._look_at_the_images()
        evidence = Evidence(self._judged, self._models, baseline, self._within, self._units, self._attacks)
        return [decide(expectation, evidence) for expectation in self._scenario.expect]

    def _look_at_the_images(self) -> Baseline:
        """The model-free baseline, on the challenge as the adversary was dealt it."""
        if self._baseline is None:
            challenge = self._cards.splits["challenge"]
            groups = challenge.source.groups[challenge.indices]
            inputs = _inputs(challenge)
            judge = judge_identities if self._is_by_identity else partial(judge_baseline, groups=groups)
            self._baseline = judge(inputs, self._truth.labels, self._truth.is_member)
        return self._baseline

    def _data_digest(self) -> str:
        """One hash of everything that was dealt, and of who was dealt it."""
        digests = {name: split.digest() for name, split in sorted(self._cards.splits.items())}
        return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def _accuracy(report: TrainReport, split: str) -> Proportion:
    counts = next(evaluation for evaluation in report.evaluations if evaluation.split == split)
    return proportion(counts.num_correct, counts.num_examples)


def _privacy(report: TrainReport) -> Privacy | None:
    notes = json.loads(report.notes_json or "{}")
    return Privacy.model_validate(notes["dp_sgd"]) if "dp_sgd" in notes else None


def _inputs(split: Split) -> Inputs:
    return np.stack([split.form.decode(file) for file, _ in split.encoded()])
