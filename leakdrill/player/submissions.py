"""Submissions: scores that a player hands in, judged like an attack's, counted, and answered with little.

    RUN/submissions/record.jsonl    a line for each, with all that the judge found; readable by its owner only

Every answer tells something of who is a member, so that enough of them tell all (Blum and Hardt 2015, "The Ladder", on
leaderboards). So they are few for each player, and an answer is a rounded AUC (leakdrill.player.telling): at most
log2(101) bits each, and not the counts from which a player who marks one example could read whether that is a member.
What a line has beyond that is for whoever holds the run's folder, and the truth with it.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leakdrill import lines
from leakdrill.attacks.base import Verdict
from leakdrill.attacks.external import External
from leakdrill.errors import BudgetExhausted
from leakdrill.locks import locked
from leakdrill.player.scores import opaque_ids, read_scores
from leakdrill.player.seats import FOLDER, Seat, recorded_seats
from leakdrill.player.spent import Spent
from leakdrill.player.telling import in_hundredths, told
from leakdrill.referee import verdicts
from leakdrill.referee.judged_attack import judge_attack
from leakdrill.referee.truth import load_split_key
from leakdrill.results import AttackResult, Results
from leakdrill.runs.reading import RESULTS, recorded_scenario
from leakdrill.runs.scored import read_truth, scores_path
from leakdrill.runs.writing import write_results
from leakdrill.scenario.in_force import in_force
from leakdrill.scenario.schema import Scenario
from leakdrill.spec import Spec

MOST = 3  # submissions of one player, unless the referee says otherwise


class Submission(Spec):
    """A line of the record. `sha256` is of the scores and decisions; `result` is None for a step's, not judged yet."""

    unix_time: float
    seat: str
    number: int  # of this seat, from 1
    sha256: str
    result: AttackResult | None = None


@dataclass(frozen=True)
class Answer:
    """All that a player is told of a submission."""

    seat: Seat
    number: int
    result: AttackResult | None
    num_taken: int  # of this seat, with it and those after it

    def __str__(self) -> str:
        left = self.seat.most - self.num_taken
        count = f"{self.seat.name}: submission {self.number} of {self.seat.most}"
        if self.result is None:
            return f"{count}: taken; the drill judges it, or leakdrill resume does if it was stopped"
        rest = f"{left} left" if left else "none left"
        return f"{count}: AUC {in_hundredths(told(self.result))} after {asked(self.result):,} queries; {rest}"


def asked(result: AttackResult) -> int:
    """Queries, of all models together."""
    return sum(result.queries.values())


def hand_in(run_dir: Path, seat: Seat, content: bytes) -> Answer:
    """Take a file's scores for `seat`, while the run is played or after; of several at once, one after the other.

    A file that says what an earlier one has said is answered as that was, and costs nothing: so a request may be
    repeated. Not a step's: each of its repeats takes a file, and an attack without chance says the same each time.
    Raises InvalidInput for a file that is none, which is not counted; BudgetExhausted for one too many; NotFound where
    the run's truth is not at hand.
    """
    truth = read_truth(run_dir)
    verdict = read_scores(content, opaque_ids(load_split_key(run_dir / "truth"), len(truth.labels)))
    sha256 = hashlib.sha256(verdict.scores.tobytes() + verdict.decisions.tobytes()).hexdigest()
    with locked(run_dir / FOLDER / "lock"):
        own = [each for each in read_record(run_dir) if each.seat == seat.name]
        same = next((each for each in own if each.sha256 == sha256), None)
        if same and not seat.is_step:
            return Answer(seat, same.number, same.result, len(own))
        if len(own) >= seat.most:
            raise BudgetExhausted(
                f"{seat.name} has handed in {len(own)} of {seat.most} submissions: there are no more in this run, lest "
                "the truth be read off the answers"
            )
        number = len(own) + 1
        result = None if seat.is_step else _judged(run_dir, seat, number, verdict)
        verdicts.save(saved_scores(run_dir, seat, number), verdict)
        said = Submission(unix_time=time.time(), seat=seat.name, number=number, sha256=sha256, result=result)
        _append(run_dir, said)  # before anybody is told: what was answered is counted, whatever happens next
        if result:
            _add_to_results(run_dir, result)
    return Answer(seat, number, result, number)


def read_record(run_dir: Path) -> list[Submission]:
    """All submissions so far, in order; a line that was never finished, and so never answered, is none."""
    return read_on(run_dir, 0)[0]


def read_on(run_dir: Path, start: int) -> tuple[list[Submission], int]:
    """Those that were added to the record after its first `start` bytes, and how many bytes it has now."""
    path = run_dir / FOLDER / "record.jsonl"
    if not path.exists():
        return [], 0
    with path.open("rb") as file:
        file.seek(start)
        *whole, torn = file.read().split(b"\n")
        return [Submission.model_validate_json(line) for line in whole], file.tell() - len(torn)


@contextmanager
def held(run_dir: Path) -> Iterator[list[tuple[Seat, int, AttackResult]]]:
    """What was judged as it came in, with whose it is and its number; no more comes in until the block is left."""
    if not (run_dir / FOLDER).exists():
        yield []
        return
    with locked(run_dir / FOLDER / "lock"):
        seats = {seat.name: seat for seat in recorded_seats(run_dir)}
        yield [(seats[said.seat], said.number, said.result) for said in read_record(run_dir) if said.result]


def saved_scores(run_dir: Path, seat: Seat, number: int) -> Path:
    """A step's wait among the submissions, until the drill has judged them."""
    if seat.is_step:
        return run_dir / FOLDER / f"{seat.name}-{number}.npz"
    return scores_path(run_dir, attack_name(seat, number), 0)


def attack_name(seat: Seat, number: int) -> str:
    return seat.attack if seat.is_step else f"{seat.attack}_{number}"


def played_by(seat: Seat, number: int, scenario: Scenario) -> External:
    """A player's submission as an attack, on the first output of the model under attack."""
    victim = scenario.data.challenge.victim
    api = scenario.cbig.api if victim == "cbig/source" else scenario.csmall.api
    return External(name=attack_name(seat, number), uses=(f"cbig/source:{api.outputs[0]}",))


def _judged(run_dir: Path, seat: Seat, number: int, verdict: Verdict) -> AttackResult:
    """Against the defences that stand when the whole timeline is played, as it is before players are let in."""
    recorded, truth = recorded_scenario(run_dir), read_truth(run_dir)
    attack, now = played_by(seat, number, recorded), in_force(recorded, recorded.timeline)
    said = Verdict(verdict.scores, verdict.decisions, {"player": seat.name, "submission": number})
    about = truth.is_member, np.ones(len(truth.is_member), bool)
    return judge_attack(attack, [said], about, now, truth, Spent(run_dir).of(seat.caller), 0.0).result


def _add_to_results(run_dir: Path, result: AttackResult) -> None:
    """Where the run is judged already; else the referee does it at the end."""
    if (path := run_dir / RESULTS).exists():
        results = Results.model_validate_json(path.read_text())
        write_results(run_dir, results.model_copy(update={"attacks": [*results.attacks, result]}))


def _append(run_dir: Path, said: Submission) -> None:
    path = run_dir / FOLDER / "record.jsonl"
    lines.cut_torn(path)  # a crash's
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    lines.append(path, said.model_dump_json().encode(), sync=True)
