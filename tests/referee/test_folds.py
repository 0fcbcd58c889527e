from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from leakdrill.attacks import ClassBasedAux, FirstCut
from leakdrill.attacks.base import Folding, Verdict
from leakdrill.data.splits import Deal, deal
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.metrics import Judged
from leakdrill.referee.folds import Fold, abstained, by_fold, design_effect, folded, make_folds, pooled
from leakdrill.referee.question import graded
from leakdrill.scenario.data import Data

NUM_PEOPLE, NUM_PHOTOS = 20, 6


@cache
def cards(key: str = "key") -> Deal:
    """Ten people in and ten out, six photos of each. Nothing is rendered for it."""
    written: dict[str, Any] = {
        "set": "synthfaces",
        "classes": 22,
        "per_class": 10,
        "splits": {"source_train": 6, "source_test": 1, "source_validation": 1},
        "target": {"classes": 2, "train": 1, "test": 1},
        "challenge": {"members_by": "identity", "per_class": 6},
    }
    return deal(Data.model_validate(written), key)


def folds(folding: Folding | None, num_granted: int = 8, key: str = "key") -> list[Fold]:
    assert folding is not None
    dealt = cards(key)
    everything = np.ones(len(dealt.is_member), bool)
    return make_folds(folding, dealt.splits["challenge"], dealt.is_member, everything, num_granted, key)


def people(fold: Fold, *splits: str) -> set[int]:
    """Who they are in the data set, which no adversary is told."""
    return {
        int(name) for split in splits for name in cards().splits["challenge"].source.labels[fold.splits[split].indices]
    }


def test_every_photo_is_judged_once_and_whole_people_are_in_a_fold() -> None:
    made = folds(Folding(5))
    assert sorted(np.concatenate([fold.positions for fold in made])) == list(range(NUM_PEOPLE * NUM_PHOTOS))
    assert [len(people(fold, "challenge")) for fold in made] == [4] * 5
    for fold in made:
        assert len(fold.splits["challenge"]) == len(fold.positions) == 4 * NUM_PHOTOS


def test_nobody_who_is_judged_in_a_fold_is_told_of_in_it() -> None:
    for fold in folds(Folding(5)):
        assert not people(fold, "challenge") & people(fold, "labelled_members", "labelled_non_members")
        photos = [set(split.indices.tolist()) for split in fold.splits.values()]
        assert not photos[0] & (photos[1] | photos[2])


def test_what_is_told_is_true_and_as_much_of_it_as_is_granted() -> None:
    dealt = cards()
    members = set(dealt.splits["challenge"].indices[dealt.is_member].tolist())
    for fold in folds(Folding(5), num_granted=8):
        assert set(fold.splits["labelled_members"].indices.tolist()) <= members
        assert not set(fold.splits["labelled_non_members"].indices.tolist()) & members
        assert len(people(fold, "labelled_members")) == len(people(fold, "labelled_non_members")) == 4


def test_both_parts_of_a_fold_are_balanced_so_that_sizes_say_nothing() -> None:
    for fold in folds(Folding(5)):
        assert cards().is_member[fold.positions].mean() == 0.5


@pytest.mark.parametrize("by", ["identity", "image"])
def test_names_and_order_in_a_fold_say_nothing_of_its_challenge(by: Any) -> None:
    told: dict[str, list[NDArray[np.float64]]] = {"name": [], "place": [], "first": []}
    truth = []
    for number in range(150):
        key = f"key {number}"
        for fold in folds(Folding(5, by), key=key):
            split = fold.splits["challenge"]
            told["name"].append(split.labels.astype(float))
            told["place"].append(np.arange(len(split)).astype(float))
            told["first"].append((split.labels == fold.splits["labelled_members"].labels[0]).astype(float))
            truth.append(cards(key).is_member[fold.positions])
    for name, columns in told.items():
        assert abs(roc_auc_score(np.concatenate(truth), np.concatenate(columns)) - 0.5) < 0.025, name


def test_the_paper_s_folds_by_image_tell_of_everybody_and_of_other_photos() -> None:
    made = folds(Folding(3, "image"))
    assert sorted(np.concatenate([fold.positions for fold in made])) == list(range(NUM_PEOPLE * NUM_PHOTOS))
    for fold in made:
        assert people(fold, "challenge") == people(fold, "labelled_members", "labelled_non_members")
        challenge = set(fold.splits["challenge"].indices.tolist())
        assert not challenge & set(fold.splits["labelled_members"].indices.tolist())


def test_folds_by_image_that_leave_too_few_photos_of_a_person_are_refused() -> None:
    assert len(folds(ClassBasedAux(folds=3, folds_by="image").folding)) == 3
    with pytest.raises(ScenarioError, match="wants 2 photos of everybody in each, but someone has 6, wanted 8"):
        folds(ClassBasedAux(folds=4, folds_by="image").folding)
    assert len(folds(FirstCut(folds=6, folds_by="image").folding)) == 6


def test_folds_that_teach_each_other_double_the_variance_and_rarely_told_people_hardly_change_it() -> None:
    assert design_effect(folds(Folding(5), num_granted=16)) == 2  # everybody beside the judged is told of
    assert design_effect(folds(Folding(3, "image"))) == 2
    assert 1.0 < design_effect(folds(Folding(5), num_granted=4)) < 1.5
    in_turn = folds(Folding(5), num_granted=16)[:1]  # one fold that the others teach, and none that it teaches
    assert design_effect(in_turn) == 1


def test_another_key_makes_other_folds_and_the_same_key_the_same() -> None:
    assert (folds(Folding(5))[0].positions == folds(Folding(5))[0].positions).all()
    assert not np.array_equal(folds(Folding(5))[0].positions, folds(Folding(5), key="another")[0].positions)


@pytest.mark.parametrize("num_granted", [0, 1, 18])
def test_more_or_fewer_labelled_people_than_there_can_be_are_refused(num_granted: int) -> None:
    with pytest.raises(ScenarioError, match=rf"labelled_identities is {num_granted}, .* wanted 2 to 16"):
        folds(Folding(5), num_granted)


def test_more_folds_than_people_are_refused() -> None:
    with pytest.raises(ScenarioError, match="11 folds need as many people of each kind, got 10"):
        folds(Folding(11))


def test_photos_of_which_the_attribute_is_told_are_of_as_many_people_as_can_be() -> None:
    made = folds(Folding(5, attribute="gender", num_examples=14, num_references=2), num_granted=20)
    for fold in made:
        challenge, auxiliary, references = (people(fold, name) for name in ("challenge", "auxiliary", "references"))
        assert len(auxiliary) == 14
        assert len(references) == len(fold.splits["references"]) == 2
        assert not challenge & auxiliary | challenge & references | auxiliary & references
        assert set(fold.splits["auxiliary"].labels.tolist()) == {0, 1}


def test_references_leave_people_of_both_kinds_to_be_told_of() -> None:
    dealt = cards()
    rare = np.isin(dealt.splits["challenge"].labels, np.unique(dealt.splits["challenge"].labels)[:6])
    arguments = dealt.splits["challenge"], rare, np.ones(len(rare), bool), 40, "key"
    for fold in make_folds(Folding(3, attribute="gender", num_examples=10, num_references=8), *arguments):
        assert len(fold.splits["references"]) == 8
        assert set(fold.splits["auxiliary"].labels.tolist()) == {0, 1}
    with pytest.raises(ScenarioError, match="one kind"):
        make_folds(Folding(3, attribute="gender", num_examples=2, num_references=12), *arguments)


def test_more_photos_than_are_granted_or_than_there_are_are_refused() -> None:
    with pytest.raises(ScenarioError, match=r"told of 14 photos, but adversary\.knows\.labelled_attributes grants 13"):
        folds(Folding(5, attribute="gender", num_examples=14), num_granted=13)
    with pytest.raises(ScenarioError, match=r"a fold has 96 photos of 16 people"):
        folds(Folding(5, attribute="gender", num_examples=97), num_granted=400)


def test_people_whose_attribute_is_unknown_are_in_no_fold() -> None:
    dealt = cards()
    challenge = dealt.splits["challenge"]
    is_known = challenge.labels >= 4
    made = make_folds(Folding(3), challenge, dealt.is_member, is_known, 4, "key")
    numbers = folded(made, len(is_known)).numbers
    assert ((numbers >= 0) == is_known).all()
    assert (
        pooled(
            [Verdict(np.ones(len(f.positions)), np.ones(len(f.positions), bool)) for f in made], made, len(is_known)
        ).abstained
        is not None
    )


def test_scores_of_folds_become_comparable_as_ranks_within_them() -> None:
    made = folds(Folding(5))
    truth = cards().is_member
    said = [
        Verdict(1000.0 * number + truth[fold.positions], truth[fold.positions], {"fold": number})
        for number, fold in enumerate(made)
    ]
    verdict = pooled(said, made, len(truth))
    assert roc_auc_score(truth, verdict.scores) == 1
    assert (verdict.decisions == truth).all()
    assert verdict.notes == {"by_fold": [{"fold": number} for number in range(5)]}
    assert 0 < verdict.scores.min() < verdict.scores.max() < 1
    judged = Judged(verdict.scores[None], verdict.decisions[None], truth, cards().splits["challenge"].labels)
    found = by_fold(ClassBasedAux(), judged, folded(made, len(truth)).numbers)
    assert (found.aucs, found.mean_auc, found.std_auc, found.by) == ([1.0] * 5, 1.0, 0.0, "identity")


def test_what_a_fold_abstains_from_keeps_its_place_and_has_no_rank() -> None:
    made = folds(Folding(5))
    num = len(cards().is_member)
    said = [
        Verdict(np.arange(len(fold.positions)) * 1.0, np.ones(len(fold.positions), bool), abstained=fold.positions == 7)
        for fold in made
    ]
    verdict = pooled(said, made, num)
    assert verdict.abstained is not None
    assert np.flatnonzero(verdict.abstained).tolist() == [7]
    assert not verdict.decisions[7]
    assert abstained([verdict, Verdict(verdict.scores, verdict.decisions)]).sum() == 1


def test_clusters_are_graded_against_the_names_and_left_out() -> None:
    labels = np.array([0, 0, 1, 1])
    assert graded({"clusters": [5, 5, 2, 2], "identities": 2}, labels) == {"identities": 2, "adjusted_rand_index": 1.0}
    assert graded({"identities": 2}, labels) == {"identities": 2}
    for wrong in ([5, 5, 2], "abcd", [0.5, 1, 1, 1], [True, 1, 1, 1]):
        with pytest.raises(InvalidInput, match="no list of 4 whole numbers"):
            graded({"clusters": wrong}, labels)
