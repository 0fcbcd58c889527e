"""One attack of a drill: its repeats, in folds or at once; those that the run's folder has are not played again."""

from collections import Counter

from leakdrill.attacks.base import Attack, Verdict
from leakdrill.attacks.external import External
from leakdrill.player.waiting import await_submission
from leakdrill.referee import verdicts
from leakdrill.referee.dealing import folds_of
from leakdrill.referee.folds import Fold, folded
from leakdrill.referee.journal import STEP_BEGUN, STEP_DONE, Journal
from leakdrill.referee.spending import asked_before
from leakdrill.referee.stage import Stage
from leakdrill.results import AttackResult
from leakdrill.runs.scored import scores_path
from leakdrill.scenario.schema import Scenario


def play_attack(stage: Stage, attack: Attack, is_breached: bool, in_force: Scenario) -> AttackResult:
    """Let the adversary run it on the challenge `repeats` times, and judge it.

    is_breached: there is loot to take. in_force: the scenario with the defences that stand now.
    """
    folds = folds_of(attack, stage.scenario, stage.cards, stage.split_key)
    said, queries, seconds = [], Counter[str](), 0.0
    for repeat in range(stage.scenario.repeats):
        verdict, asked, took = _once(stage, attack, repeat, folds, is_breached)
        said.append(verdict)
        queries.update(asked)
        seconds += took
    played_in = folded(folds, stage.judge.num_challenge) if folds else None
    return stage.judge.attack(attack, said, queries, seconds, played_in, in_force)


def begun_attacks(journal: Journal) -> set[str]:
    """The names of those that a run has begun, finished or not."""
    keys = [str(entry.fields["key"]) for entry in journal.entries if entry.event in (STEP_BEGUN, STEP_DONE)]
    return {key.removeprefix("attack ").rpartition(" ")[0] for key in keys}


def _once(
    stage: Stage, attack: Attack, repeat: int, folds: list[Fold], is_breached: bool
) -> tuple[Verdict, dict[str, int], float]:
    """One repeat: its verdict, what it asked each public model by the owner's count, and its seconds."""
    key = f"attack {attack.name} {repeat}"
    saved = scores_path(stage.run_dir, attack.name, repeat)
    if done := stage.journal.done(key):
        return verdicts.load(saved, done["notes"]), done["queries"], done["seconds"]
    before = asked_before(stage.journal, key, stage.queries())
    progress = stage.progress("adversary")
    if isinstance(attack, External):
        verdict, seconds = await_submission(stage, attack, repeat, is_breached)
    elif folds:
        verdict, seconds = stage.seat.play(attack, repeat, folds, is_breached, progress)
    else:
        verdict, seconds = stage.adversary.attack(attack, repeat, stage.judge.num_challenge, progress)
    asked = {model: count - before.get(model, 0) for model, count in stage.queries().items()}
    asked = {model: count for model, count in asked.items() if count}
    verdicts.save(saved, verdict)
    stage.journal.append(STEP_DONE, key=key, queries=asked, seconds=seconds, notes=verdict.notes, in_folds=bool(folds))
    return verdict, asked, seconds
