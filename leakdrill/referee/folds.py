"""Folds: an adversary that is told who is a member, of some people, and judged on others, several times over.

Every person of the challenge is judged once, in the one fold where nothing is told of them. Each fold is played by a
fresh adversary: its disk wiped, with names of people, a seed, answers and keys of its own. It is dealt the fold's part
of the challenge, and photos of labelled people as two splits, members' and non-members'. Both parts of a fold hold as
many of the one as of the other, so that what is told says nothing by its size either, and names are drawn afresh.

Scores of two classifiers do not compare. So a fold's scores are replaced by their ranks in it, from 0 to 1, before the
folds are pooled; and the mean and the deviation of the folds' own AUCs, which papers report, stand beside. Folds teach
each other, which a bootstrap over people does not see: `design_effect` says about how much, and widens all intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.base import Attack, Folding, Verdict
from leakdrill.data.tasks import Split
from leakdrill.errors import ScenarioError
from leakdrill.metrics import Judged
from leakdrill.metrics.intervals import point
from leakdrill.referee.question import graded
from leakdrill.results import FoldsResult
from leakdrill.seeds import numpy_generator

Rows = NDArray[np.int64]
Bools = NDArray[np.bool_]

TOLD = ("labelled_members", "labelled_non_members", "auxiliary")  # splits whose people's labels an attack learns from


@dataclass(frozen=True, eq=False)
class Fold:
    """What its adversary is dealt; the examples of its challenge stand at `positions` in the drill's."""

    positions: Rows
    splits: dict[str, Split]


@dataclass(frozen=True, eq=False)
class Folded:
    """The fold (N,) of each example of the drill's challenge, -1 for none, and how much folds teach each other."""

    numbers: Rows
    design_effect: float


@dataclass(frozen=True, eq=False)
class _Deck:
    """The drill's challenge: what is to be found out of each photo, and whether it is known."""

    challenge: Split
    truth: Bools
    is_known: Bools
    generator: np.random.Generator = field(repr=False)

    def people(self, kind: bool) -> Rows:
        """Names of those of one kind, in random order."""
        return self.generator.permutation(np.unique(self.challenge.labels[self.is_known & (self.truth == kind)]))

    def rows_of(self, people: Rows) -> Rows:
        return np.flatnonzero(np.isin(self.challenge.labels, people))

    def split(self, rows: Rows, labels: Rows | None = None) -> Split:
        """The photos at `rows`, by default with names for their people that are drawn afresh."""
        if labels is None:
            _, index = np.unique(self.challenge.labels[rows], return_inverse=True)
            labels = self.generator.permutation(index.max(initial=0) + 1)[index]
        return replace(self.challenge, indices=self.challenge.indices[rows], labels=labels)


def make_folds(
    folding: Folding, challenge: Split, truth: Bools, is_known: Bools, num_granted: int, split_key: str
) -> list[Fold]:
    """The folds of an attack that is to find out `truth` (N,) of the challenge, where it `is_known` (N,).

    `num_granted`: the people of whom a fold's adversary is told, half of each kind; with folds by image, of all of
    them. With an attribute: the most photos of which it may be told. All attacks that are folded alike get the same
    folds. Raises ScenarioError when there are too few people, or too few photos of one for folds by image.
    """
    generator = numpy_generator(split_key, "folds", folding.by, folding.attribute or "")
    deck = _Deck(challenge, truth, is_known, generator)
    people = {kind: deck.people(kind) for kind in (True, False)}
    if short := [kind for kind, names in people.items() if len(names) < folding.num]:
        raise ScenarioError(
            f"{folding.num} folds need as many people of each kind, got {len(people[short[0]])}: lower the attack's "
            "folds, or raise the number of classes"
        )
    if folding.by == "image":
        return _by_image(folding, deck)
    return [_by_identity(number, folding, deck, people, num_granted) for number in range(folding.num)]


def _by_identity(number: int, folding: Folding, deck: _Deck, people: dict[bool, Rows], num_granted: int) -> Fold:
    judged = {kind: names[number :: folding.num] for kind, names in people.items()}
    others = {kind: deck.generator.permutation(np.setdiff1d(people[kind], judged[kind])) for kind in people}
    positions = deck.rows_of(np.concatenate([judged[True], judged[False]]))
    told = _attributes(folding, deck, others, num_granted) if folding.attribute else _members(deck, others, num_granted)
    return Fold(positions, {"challenge": deck.split(positions)} | told)


def _members(deck: _Deck, others: dict[bool, Rows], num_granted: int) -> dict[str, Split]:
    half, most = num_granted // 2, min(map(len, others.values()))
    if not 1 <= half <= most:
        raise ScenarioError(
            f"adversary.knows.labelled_identities is {num_granted}, but a fold has {2 * most} people beside those it "
            f"is judged on, half of them members: wanted 2 to {2 * most}"
        )
    return {
        name: deck.split(deck.rows_of(others[kind][:half]))
        for name, kind in (("labelled_members", True), ("labelled_non_members", False))
    }


def _attributes(folding: Folding, deck: _Deck, others: dict[bool, Rows], num_granted: int) -> dict[str, Split]:
    """A photo each of `num_references` people, and of the rest so many photos as are told, as many people as can be."""
    if folding.num_examples > num_granted:
        raise ScenarioError(
            f"the attack wants to be told of {folding.num_examples} photos, but adversary.knows.labelled_attributes "
            f"grants {num_granted}: lower the one or raise the other"
        )
    turns = _in_turns(others[True], others[False])
    references = _references(turns, min(map(len, others.values())))[: folding.num_references]
    rest = [name for name in turns if name not in references]
    photos = [deck.generator.permutation(deck.rows_of(np.array([name]))) for name in rest]
    rows = [own[turn] for turn in range(max(map(len, photos), default=0)) for own in photos if turn < len(own)]
    if len(references) < folding.num_references or len(rows) < folding.num_examples:
        raise ScenarioError(
            f"{folding.num_examples} photos to be told of and {folding.num_references} references are wanted, but a "
            f"fold has {len(rows)} photos of {len(turns)} people beside those it is judged on: lower either"
        )
    chosen = np.array(rows[: folding.num_examples], np.int64)
    if len(np.unique(deck.truth[chosen])) < 2:
        raise ScenarioError(
            f"{folding.num_references} references leave photos of one kind of people alone to be told of, and the "
            f"attack learns from both: lower its references, or raise the number of people whose {folding.attribute} "
            "is the rarer one"
        )
    told = {"auxiliary": deck.split(chosen, deck.truth[chosen].astype(np.int64))}
    if len(references):
        told["references"] = deck.split(np.array([deck.rows_of(np.array([name]))[0] for name in references]))
    return told


def _references(turns: list[int], num_fewer: int) -> list[int]:
    """Who is a reference first: of the `num_fewer` of the rarer kind the second half are kept to be told of."""
    spent, rare = 2 * (num_fewer // 2), 2 * num_fewer
    return [*turns[:spent], *turns[rare:], *turns[spent:rare]]


def _in_turns(first: Rows, second: Rows) -> list[int]:
    """One of each kind after the other, as long as there are both."""
    pairs = [int(name) for pair in zip(first, second, strict=False) for name in pair]
    both = min(len(first), len(second))
    return [*pairs, *map(int, first[both:]), *map(int, second[both:])]


def _by_image(folding: Folding, deck: _Deck) -> list[Fold]:
    """The paper's folds: everybody's photos are dealt out, so every fold's adversary is told of all people."""
    number = np.full(len(deck.truth), -1)
    for name in np.unique(deck.challenge.labels[deck.is_known]):
        own = deck.generator.permutation(deck.rows_of(np.array([name])))
        if len(own) < folding.num * folding.least_photos:
            raise ScenarioError(
                f"{folding.num} folds by image of an attack that wants {folding.least_photos} photos of everybody in "
                f"each, but someone has {len(own)}, wanted {folding.num * folding.least_photos}: lower the attack's "
                "folds, or raise data.challenge.per_class"
            )
        number[own] = np.arange(len(own)) % folding.num
    folds = []
    for fold in range(folding.num):
        positions, told = np.flatnonzero(number == fold), (number >= 0) & (number != fold)
        splits = {
            "challenge": deck.split(positions),
            "labelled_members": deck.split(np.flatnonzero(told & deck.truth)),
            "labelled_non_members": deck.split(np.flatnonzero(told & ~deck.truth)),
        }
        folds.append(Fold(positions, splits))
    return folds


def pooled(verdicts: Sequence[Verdict], folds: Sequence[Fold], num_examples: int) -> Verdict:
    """One verdict on the drill's challenge; what was in no fold is abstained from. Notes are the folds', in order."""
    from scipy.stats import rankdata  # here: it takes a second, and few drills have folds

    scores, decisions = np.zeros(num_examples), np.zeros(num_examples, bool)
    abstained = np.ones(num_examples, bool)
    notes = []
    for said, fold in zip(verdicts, folds, strict=True):
        notes.append(graded(said.notes, fold.splits["challenge"].labels))
        is_scored = np.ones(len(fold.positions), bool) if said.abstained is None else ~said.abstained
        rows = fold.positions[is_scored]
        scores[rows] = (rankdata(said.scores[is_scored]) - 0.5) / max(1, len(rows))
        decisions[rows] = said.decisions[is_scored]
        abstained[rows] = False
    return Verdict(scores, decisions, {"by_fold": notes}, abstained=abstained)


def folded(folds: Sequence[Fold], num_examples: int) -> Folded:
    """What the judge needs of an attack's folds: of each example of the drill's challenge, and of all."""
    numbers = np.full(num_examples, -1)
    for number, fold in enumerate(folds):
        numbers[fold.positions] = number
    return Folded(numbers, design_effect(folds))


def abstained(verdicts: Sequence[Verdict]) -> Bools:
    """The examples (N,) from which any of the repeats abstained."""
    nowhere = np.zeros(len(verdicts[0].scores), bool)
    anywhere: Bools = np.any([nowhere if said.abstained is None else said.abstained for said in verdicts], axis=0)
    return anywhere


def design_effect(folds: Sequence[Fold]) -> float:
    """How many times the variance of independent people a rate over all folds has, to first order: 1 to 2.

    Where there is nothing to find, a rate is, to first order, a sum over pairs of people of what the label of one adds
    to the score of the other. If j teaches i in i's fold, and i teaches j in j's, the pair counts twice, with the same
    luck: where all do, that doubles the variance (of a sum over ordered pairs that come in equal twos). The covariance
    of the two is at most their variance, so 1 + the share of the teaching that is mutual bounds that sum. What several
    labels do together is left out, and so is what there is to find: how often such intervals cover is measured, and is
    a little less than the 95 in 100 that they say.

    `python tests/referee/folded_experiments.py`, 400 experiments each of 50 + 50 people, 10 normal inputs and 5 folds:
    of 95 % intervals of the AUC that a bootstrap over people gives, 80 to 83 in 100 cover one half where nothing is to
    be found and all others are labelled, and 93 to 94 of those that are widened (logistic regression, qda, svm); with a
    quarter labelled 94 and 96; where members differ, and the AUC is 0.57 to 0.70, 80 to 84 and 91 to 94; with a quarter
    labelled and an AUC of 0.63, as another quarter would teach a better or worse classifier, 85 and 89.
    """
    judged = [_people(fold, ("challenge",)) for fold in folds]
    people = np.unique(np.concatenate(judged))
    teaches = np.zeros((len(people), len(people)), bool)
    for fold, who in zip(folds, judged, strict=True):
        teaches |= np.outer(np.isin(people, _people(fold, TOLD)), np.isin(people, who))
    np.fill_diagonal(teaches, False)  # who is told of other photos of the same person finds them: that is no luck
    return 1 + float((teaches & teaches.T).sum() / max(1, teaches.sum()))


def _people(fold: Fold, names: Sequence[str]) -> Rows:
    """In the data set, of those of a fold's splits that have these names."""
    return np.concatenate([split.source.labels[split.indices] for name, split in fold.splits.items() if name in names])


def by_fold(attack: Attack, examples: Judged, folds: Rows) -> FoldsResult:
    """The AUC of each fold's own scores, of people where whole people are judged. Ranks keep it."""
    assert attack.folding is not None
    parts = [examples.take(np.flatnonzero(folds == number)) for number in range(attack.folding.num)]
    aucs = [point(part.of_classes() if attack.goal in ("identity", "attribute") else part, "auc") for part in parts]
    return FoldsResult(
        by=attack.folding.by,
        aucs=aucs,
        mean_auc=float(np.mean(aucs)),
        std_auc=float(np.std(aucs, ddof=1)),
        design_effect=examples.design_effect,
    )
