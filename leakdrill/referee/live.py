"""An attack on a live endpoint: folders instead of a deal, a model that is not ours, and the same judge as in a drill.

The attack sees the challenge shuffled with a fresh key, and not a word on who is a member. What the folders say of that
is looked at when the attack has answered. Nobody keeps the adversary's process from the folders: as with local drills,
this is for measuring an endpoint, not for claims about the attacker.
"""

import csv
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.base import ARCHITECTURE, SHADOW_EXAMPLES, Access, Attack, Verdict, View
from leakdrill.cores import default_workers, num_cores
from leakdrill.data.examples import Examples
from leakdrill.data.forms import ImageForm
from leakdrill.data.pictures import damage_by_name
from leakdrill.data.splits import Split
from leakdrill.datasets.image_folder import FileSource
from leakdrill.datasets.remembered import Remembered
from leakdrill.errors import ScenarioError
from leakdrill.metrics import Judged, attack_result
from leakdrill.models import device
from leakdrill.network.rpc import Progress
from leakdrill.oracles.oip import LiveOracle
from leakdrill.parties.store import SplitStore
from leakdrill.referee.baseline import judge_baseline
from leakdrill.referee.environment import environment
from leakdrill.referee.folders import Challenge, halves
from leakdrill.referee.truth import fresh_split_key
from leakdrill.referee.within import within_queries
from leakdrill.results import Results
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep
from leakdrill.seeds import derive, numpy_generator

SOURCE = "cbig/source"  # what attacks call the model that they attack
GIVEN: frozenset[Access] = frozenset({f"{SOURCE}:scores", f"{SOURCE}:label"})  # by any endpoint


def choose_attack(scenario: Scenario, name: str | None, has_shadow: bool) -> Attack:
    """The scenario's attack `name`; without a name, its first that can do with an endpoint and what else is there.

    Raises ScenarioError for an attack that needs more than the endpoint, the shadow folder and the architecture.
    """
    attacks = {step.attack.name: step.attack for step in scenario.timeline if isinstance(step, AttackStep)}
    granted = GIVEN | ({SHADOW_EXAMPLES} if has_shadow else set())
    granted |= {ARCHITECTURE} if scenario.adversary.knows.architecture else set()
    possible = [each for each, attack in attacks.items() if attack.needs <= granted]
    if name is not None and name not in attacks:
        raise ScenarioError(f"the scenario has no attack {name!r}, only {list(attacks)}")
    if name in possible or (name is None and possible):
        return attacks[name or possible[0]]
    refused = [attacks[name]] if name else list(attacks.values())
    needs = "; ".join(f"{each.name} needs {', '.join(sorted(each.needs - granted))}" for each in refused)
    hint = "" if has_shadow else "; shadow_examples come from a --shadow folder"
    raise ScenarioError(f"a live endpoint cannot be attacked so: {needs}{hint}; possible as it is: {possible}")


@dataclass(frozen=True)
class Played:
    """What an attack said, in the order of the challenge's files, and the results where the truth is known."""

    verdict: Verdict
    results: Results | None

    def save(self, run_dir: Path, files: FileSource) -> None:
        """scores.csv and, where there are results, results.json, which `leakdrill show` prints."""
        run_dir.mkdir(parents=True, exist_ok=True)
        with (run_dir / "scores.csv").open("x", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["file", "class", "score", "decision"])
            said = zip(self.verdict.scores.tolist(), self.verdict.decisions.tolist(), strict=True)
            for path, label, (score, decision) in zip(files.paths, files.labels, said, strict=True):
                rows.writerow([path, files.classes[label], score, int(decision)])
        if self.results:
            (run_dir / "results.json").write_text(self.results.model_dump_json(indent=2))


@dataclass(frozen=True)
class LiveGame:
    """One attack of a scenario on one endpoint."""

    scenario: Scenario
    attack: Attack
    challenge: Challenge
    shadow: FileSource | None

    def check_budget(self, budget: int) -> None:
        """Raises ScenarioError for an attack that announces more queries than may be asked."""
        num_examples = len(self.challenge.files.paths)
        if (most := self.attack.most_queries(num_examples)) > budget:
            raise ScenarioError(
                f"{self.attack.name} may ask up to {most:,} queries for {num_examples:,} examples of the challenge, "
                f"but the budget is {budget:,}: raise it, or lower the attack's queries per example"
            )

    def play(self, oracle: LiveOracle, progress: Progress) -> Played:
        """Let the attack answer, then judge it if the challenge's folder tells who is a member."""
        order = numpy_generator(fresh_split_key(), "order", "challenge").permutation(len(self.challenge.files.paths))
        with self._view(order, oracle, progress) as view:
            start = time.monotonic()
            shuffled = self.attack.run(view)
            seconds = time.monotonic() - start
            back = np.argsort(order)
            within = {queries: scores[back] for queries, scores in shuffled.by_queries.items()}
            said = Verdict(shuffled.scores[back], shuffled.decisions[back], shuffled.notes, within)
            if self.challenge.is_member is None:
                return Played(said, None)
            # in the files' order too, which is the same each time: so are the intervals then
            return Played(said, self._judge(said, view.challenge.take(back), self.challenge.is_member, oracle, seconds))

    @contextmanager
    def _view(self, order: NDArray[np.int64], oracle: LiveOracle, progress: Progress) -> Iterator[View]:
        """All that the attack sees, on a disk of its own until it has answered."""
        scenario, form = self.scenario, ImageForm(oracle.input.image_size)
        with TemporaryDirectory(prefix="leakdrill-") as scratch:
            store = SplitStore(Path(scratch))
            train = test = None
            if self.shadow is not None:
                half, other = halves(self.shadow, derive(scenario.seed, "adversary"))
                train = _dealt(store, "shadow_train", self.shadow, half, form)
                test = _dealt(store, "shadow_test", self.shadow, other, form)
            yield View(
                challenge=_dealt(store, "challenge", self.challenge.files, order, form),
                num_classes=oracle.num_classes,
                oracles={SOURCE: oracle},
                shadow_train=train,
                shadow_test=test,
                seed=derive(derive(scenario.seed, "adversary"), self.attack.name, "0"),  # as in a drill
                architecture=scenario.cbig.source_model.arch if scenario.adversary.knows.architecture else None,
                num_workers=scenario.adversary.workers or default_workers(num_cores()),
                shadow_seed=derive(derive(scenario.seed, "adversary"), "shadow models", "0"),  # as there, too
                progress=progress,
            )

    def _judge(
        self, said: Verdict, judged: Examples, is_member: NDArray[np.bool_], oracle: LiveOracle, seconds: float
    ) -> Results:
        """As the judge of a drill, of one attack, with the queries by our own count."""
        baseline = judge_baseline(judged.inputs, judged.labels, is_member)
        as_a_whole = Judged(said.scores[None], said.decisions[None], is_member, judged.labels)
        result = attack_result(
            as_a_whole,
            within=within_queries(self.attack, [said], as_a_whole, oracle.num_queries),
            name=self.attack.name,
            kind=self.attack.kind,
            goal=self.attack.goal,
            on=oracle.name,
            queries={oracle.name: oracle.num_queries},
            notes=said.notes | {"queries_counted_by": "the caller: the endpoint keeps no account for us"},
            seconds=seconds,
        )
        question = f"Does {oracle.name} expose members of its training set?"
        step = AttackStep(step="attack", attack=self.attack)
        played = self.scenario.model_copy(update={"question": question, "timeline": [step], "expect": []})
        return Results(
            scenario=played.model_dump(mode="json"),
            verdict="met",  # played to its end; a scenario's expectations are about its own models
            models={},
            breaches=[],
            baseline=baseline.result,
            attacks=[result],
            expectations=[],
            environment=environment(devices={"adversary": device.described()}) | {"endpoint": oracle.described()},
            seconds={f"attack {self.attack.name}": seconds},
        )


def _dealt(store: SplitStore, name: str, files: FileSource, indices: NDArray[np.int64], form: ImageForm) -> Examples:
    """The files at `indices` decoded, as a party decodes what it is dealt."""
    split = Split(Remembered(files), indices, files.labels[indices], form)
    with damage_by_name(split):
        store.write(name, form, split.digest(), len(split), split.encoded())
    return store.read(name)
