"""A drill that waits for a person: the attack `external` of a timeline, until its scores are handed in."""

import shlex
import time

from leakdrill.attacks.base import Verdict
from leakdrill.attacks.external import External
from leakdrill.errors import NotReady
from leakdrill.player.folder import write_folders
from leakdrill.player.seats import of_step, write_seats
from leakdrill.player.submissions import read_record, saved_scores
from leakdrill.referee import verdicts
from leakdrill.referee.stage import Stage

POLL_SECONDS = 0.5
REMIND_SECONDS = 60.0


def await_submission(stage: Stage, attack: External, repeat: int, is_breached: bool) -> tuple[Verdict, float]:
    """The scores for one repeat of `attack`, and the seconds that the drill waited for them.

    Scores that were handed in before the drill was stopped are taken at once. Raises NotReady when none come in time,
    PartyUnavailable when a party dies meanwhile.
    """
    seat = of_step(attack.name, stage.scenario.repeats)
    write_seats(stage.run_dir, [seat])
    write_folders(stage, (seat,), None, is_breached)
    what_to_do = f"leakdrill submit {shlex.quote(str(stage.run_dir))} scores.csv --name {attack.name}"
    stage.observer.note(f"your turn: play the adversary in {stage.run_dir / seat.folder}, then {what_to_do}")
    progress, wait_seconds = stage.progress("player"), 60 * attack.wait_minutes
    start = reminded = time.monotonic()
    while not any(each.seat == seat.name and each.number == repeat + 1 for each in read_record(stage.run_dir)):
        stage.parties.check()
        waited = time.monotonic() - start
        if waited > wait_seconds:
            raise NotReady(
                f"nobody handed in scores for attack {attack.name!r} within {attack.wait_minutes:g} minutes: go on by "
                f"leakdrill resume {stage.run_dir}, or set {attack.name}.wait_minutes"
            )
        if time.monotonic() - reminded > REMIND_SECONDS:
            reminded = time.monotonic()
            progress(waited / wait_seconds, f"{(wait_seconds - waited) / 60:.0f} minutes left for {what_to_do}")
        time.sleep(POLL_SECONDS)
    notes = {"handed_in": repeat + 1}
    return verdicts.load(saved_scores(stage.run_dir, seat, repeat + 1), notes), time.monotonic() - start
