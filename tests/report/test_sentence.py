import numpy as np
import pytest
from recorded_runs import found, judged_as

from leakdrill.metrics import proportion
from leakdrill.report.sentence import OperatingPoint, footnote, headline, operating_point, sentence
from leakdrill.results import AttackResult, FoldsResult, Results
from leakdrill.seeds import numpy_generator


def test_the_sentence_says_how_many_were_identified_at_what_price_to_others(finished: Results) -> None:
    assert sentence(finished) == (
        "Of 1,000 photographs trained on, 230 were identified, while 10 of 1,000 others were wrongly accused."
    )
    assert footnote(finished).startswith(
        "By sure, the best of 2 attacks there, at a false-positive rate of at most 1 %"
    )
    assert "230 of 1,000 members (23.0%, 95 % interval 20.4% to 25.7%)" in footnote(finished)


def test_a_small_challenge_is_told_in_its_own_numbers_at_the_adversarys_own_threshold(finished: Results) -> None:
    few = found("sure", judged_as("sure", num=90), unit="identity")
    point = operating_point(few)
    assert (point.fpr, round(point.named_members), round(point.named_others)) == (None, 90, 0)
    told = sentence(finished.model_copy(update={"attacks": [few]}))
    assert told == "Of 90 people trained on, 90 were identified, while 0 of 90 others were wrongly accused."


def test_the_counts_of_decisions_are_those_that_the_rates_stand_for() -> None:
    judged = judged_as("coin", num=40)
    point = operating_point(found("coin", judged))
    hits = int((judged.decisions[0] & judged.is_member).sum())
    accused = int((judged.decisions[0] & ~judged.is_member).sum())
    assert point.named_members == pytest.approx(hits)
    assert point.named_others == pytest.approx(accused)


def test_an_attack_that_is_a_coin_is_called_a_guess(finished: Results) -> None:
    assert sentence(finished.model_copy(update={"attacks": finished.attacks[:1]})).endswith(": no better than a guess.")
    assert "guess" not in sentence(finished)


@pytest.mark.parametrize("num_attacks", [1, 4, 10])
def test_where_all_attacks_guess_the_best_of_them_is_rarely_taken_for_more(finished: Results, num_attacks: int) -> None:
    """At 1 % of 1,000 others: the threshold is the score of the eleventh of them, so the members above it vary."""
    generator, coin, cut = numpy_generator(7, "guesses"), finished.attacks[0], 10
    above = generator.beta(cut + 1, 1000 - cut, (2000, num_attacks))
    best = generator.binomial(1000, above).max(axis=1)
    counts, runs = np.unique(best, return_counts=True)
    mistaken = [not _point(coin, int(named), cut, num_attacks).is_chance for named in counts]
    assert runs[mistaken].sum() / len(best) <= 0.05
    assert not _point(coin, 60, cut, num_attacks).is_chance  # and yet it sees what there is
    # as it was: the interval of the members alone, the others' share taken as given, and no word of the choice
    naive = [proportion(int(named), 1000).low > cut / 1000 for named in counts]
    assert runs[naive].sum() / len(best) > 0.05


def _point(attack: AttackResult, named: int, accused: int, chosen_from: int) -> OperatingPoint:
    return OperatingPoint(attack, named, accused, accused / 1000, proportion(named, 1000), chosen_from)


def test_the_headline_says_from_how_many_it_was_chosen(finished: Results) -> None:
    coin, sure = finished.attacks
    few = sure.tpr_at_fpr[0].model_copy(update={"true_positives": 22})  # beyond chance for one attack, not for ten
    barely = sure.model_copy(update={"tpr_at_fpr": [few]})
    alone = headline(finished.model_copy(update={"attacks": [barely]}))
    chosen = headline(finished.model_copy(update={"attacks": [barely, *[coin] * 9]}))
    assert alone
    assert chosen
    assert (alone.chosen_from, chosen.chosen_from) == (1, 10)
    assert (alone.is_chance, chosen.is_chance) == (False, True)


def test_what_is_undecided_whatever_was_found_is_no_finding(finished: Results) -> None:
    doubted = finished.model_copy(update={"undecided_because": "the two folders are not alike"})
    assert sentence(doubted).endswith("wrongly accused, which decides nothing about the model.")


def test_a_control_is_never_the_headline(finished: Results) -> None:
    coin, sure = finished.attacks
    told_too_much = sure.model_copy(update={"folds": FoldsResult(by="image", aucs=[1.0], mean_auc=1.0, std_auc=0.0)})
    point = headline(finished.model_copy(update={"attacks": [coin, told_too_much]}))
    assert point is not None
    assert point.attack.name == "coin"


def test_an_attack_that_picks_of_whom_it_speaks_is_the_headline_only_if_no_other_is(finished: Results) -> None:
    coin, sure = finished.attacks
    picky = sure.model_copy(update={"num_excluded": 288})
    point = headline(finished.model_copy(update={"attacks": [coin, picky]}))
    assert point is not None
    assert point.attack.name == "coin"
    alone = finished.model_copy(update={"attacks": [picky]})
    assert footnote(alone).endswith("288 more were left out, of which it says nothing.")
    assert "left out" not in footnote(finished)


def test_without_an_attack_nobody_was_identified(finished: Results) -> None:
    assert "nobody was identified" in sentence(finished.model_copy(update={"attacks": []}))
