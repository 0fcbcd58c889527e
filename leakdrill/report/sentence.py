"""One sentence that says what a run found, to somebody who has never heard of an AUC.

Its numbers are those of one threshold. Where the challenge is large enough it is the one at a false-positive rate of
1 % (or the lowest that stands for ten non-members), as results.json has it, in the first repeat; else the one that the
adversary fitted on its own data. No other threshold is ever chosen with the truth at hand.

The attack is: of all that were played, the one is named that does best there. So it is told from a guess at a level
that holds for all of them at once, 1 - 0.05 / (how many were played), by Bonferroni's bound.
"""

from dataclasses import dataclass, replace
from typing import Any

from leakdrill.metrics import independent_difference, proportion
from leakdrill.results import AttackResult, Interval, Results

WANTED_FPR = 0.01
ERROR_RATE = 0.05  # how often members may seem to be named where every attack guesses
PER = 1000  # a rate is said "of 1,000" where at least so many were judged, else in the numbers themselves

_RECORDS = ("adult", "csv", "location", "purchase", "synthtable", "texas")
_PHOTOGRAPHS = ("synthfaces", "image_folder", "lfw")


@dataclass(frozen=True)
class OperatingPoint:
    """How many members an attack names, and how many others, at one threshold."""

    attack: AttackResult
    named_members: float  # a mean over repeats, where the adversary's own threshold is used
    named_others: float
    fpr: float | None  # the rate that the threshold was set for; None: it is the adversary's own
    share: Interval  # of the members who are named, with its 95 % interval
    chosen_from: int = 1  # so many attacks, by the truth

    @property
    def is_chance(self) -> bool:
        """Whether it may name as large a share of the others as of the members.

        By the interval of the difference of the two shares, both of them counts (Newcombe, Statistics in Medicine 17,
        1998), at a level of 1 - 0.05 / `chosen_from`: that corrects for the attack's being chosen with the truth.
        """
        level = 1 - ERROR_RATE / self.chosen_from
        members = proportion(round(self.named_members), self.attack.num_members, level)
        others = proportion(round(self.named_others), self.attack.num_non_members, level)
        return independent_difference(members, others).low <= 0


def operating_point(attack: AttackResult) -> OperatingPoint:
    """At the wanted rate if the challenge resolves it, else the lowest rate it does, else by the attack's decisions."""
    resolved = sorted(attack.tpr_at_fpr, key=lambda point: (point.fpr != WANTED_FPR, point.fpr))
    if resolved:
        point = resolved[0]
        return OperatingPoint(attack, point.true_positives, point.false_positives, point.fpr, point)
    members, others = attack.num_members, attack.num_non_members
    hits = attack.recall.value * members
    right = attack.accuracy.value * (members + others)
    share = proportion(round(hits), members).model_copy(update={"value": attack.recall.value})
    return OperatingPoint(attack, hits, max(0.0, others - (right - hits)), None, share)


def strongest(results: Results) -> AttackResult | None:
    """By AUC, as everywhere in the report but in its first sentence."""
    return max(contenders(results), key=lambda attack: attack.auc.value, default=None)


def contenders(results: Results) -> list[AttackResult]:
    """The attacks without the controls, which show what an attack has without the model, or when it is told too much.

    Those are folds by image, where the adversary was told of other photos of the very people, and attacks on an
    untrained extractor. Of what is left, those on membership, if any is.
    """
    untrained = {name for name, spec in _specs(results.scenario).items() if spec.get("extractor") == "untrained"}
    real = [
        attack
        for attack in results.attacks
        if attack.name not in untrained and not (attack.folds and attack.folds.by == "image")
    ]
    return [attack for attack in real if attack.goal != "attribute"] or real


def headline(results: Results) -> OperatingPoint | None:
    """Of the attack that names most members beyond the others it names: not always the one that ranks best.

    One that picks of whom it speaks, as outlier does, says nothing of the rest: attacks that judge everybody go first.
    It is chosen with the truth; the point says from how many, which its `is_chance` corrects for.
    """
    found = contenders(results)
    points = [operating_point(attack) for attack in found if not attack.num_excluded] or list(
        map(operating_point, found)
    )
    best = max(points, key=_advantage, default=None)
    return best and replace(best, chosen_from=len(points))


def sentence(results: Results) -> str:
    """For a person in a hurry; it names the attack and says when it did no better than guessing."""
    point = headline(results)
    if point is None:
        return "No attack was played to its end, so nobody was identified."
    what, verb = noun(results.scenario, point.attack), "identified"
    members, named = _of(point.attack.num_members, point.named_members)
    others, accused = _of(point.attack.num_non_members, point.named_others)
    tail = ": no better than a guess" if point.is_chance else ""
    if results.undecided_because:
        tail = ", which decides nothing about the model"
    if point.attack.goal == "attribute":
        return (
            f"Of {members} people with the attribute, {named} were recognised, while {accused} of {others} others were "
            f"wrongly taken for them{tail}."
        )
    return (
        f"Of {members} {what} trained on, {named} {'was' if named == '1' else 'were'} {verb}, while {accused} of "
        f"{others} others {'was' if accused == '1' else 'were'} wrongly accused{tail}."
    )


def footnote(results: Results) -> str:
    """Whose numbers these are, how sure they are, and what was chosen."""
    point = headline(results)
    if point is None:
        return ""
    attack = point.attack
    where = (
        f"at a false-positive rate of at most {point.fpr:.1%}".replace(".0%", " %")
        if point.fpr is not None
        else "at the threshold that the adversary fitted on its own data"
    )
    chosen = f", the best of {point.chosen_from} attacks there" if point.chosen_from > 1 else ""
    who = "people with the attribute" if attack.goal == "attribute" else "members"
    left_out = f" {attack.num_excluded:,} more were left out, of which it says nothing." if attack.num_excluded else ""
    return (
        f"By {attack.name}{chosen}, {where}: {point.named_members:,.0f} of {attack.num_members:,} {who} "
        f"({point.share.value:.1%}, 95 % interval {point.share.low:.1%} to {point.share.high:.1%}) "
        f"and {point.named_others:,.0f} of {attack.num_non_members:,} others. {_how_sure(point)}{left_out}"
    )


def _how_sure(point: OperatingPoint) -> str:
    allowing = ", with that choice allowed for" if point.chosen_from > 1 else ""
    return f"The difference is {'within' if point.is_chance else 'beyond'} chance, at 95 %{allowing}."


def noun(scenario: dict[str, Any], attack: AttackResult) -> str:
    """What is judged, in the plural."""
    if attack.unit == "identity":
        return "people"
    kind = scenario.get("data", {}).get("dataset", {}).get("set", "")
    if kind in _RECORDS:
        return "records"
    return "photographs" if kind in _PHOTOGRAPHS else "images" if kind else "examples"


def _specs(scenario: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The attacks of the timeline by name, as the scenario has them."""
    specs = [step["attack"] for step in scenario.get("timeline", []) if isinstance(step, dict) and "attack" in step]
    return {str(spec.get("name") or spec.get("kind")): spec for spec in specs}


def _advantage(point: OperatingPoint) -> float:
    return point.share.value - point.named_others / point.attack.num_non_members


def _of(total: int, count: float) -> tuple[str, str]:
    """("1,000", count in a thousand) where at least so many were judged, else the numbers themselves."""
    return (f"{PER:,}", f"{count / total * PER:,.0f}") if total >= PER else (f"{total:,}", f"{count:,.0f}")
