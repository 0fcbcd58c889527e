import pytest
from recorded_runs import found, judged_as

from leakdrill.report.sentence import footnote, headline, operating_point, sentence
from leakdrill.results import FoldsResult, Results


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


def test_a_control_is_never_the_headline(finished: Results) -> None:
    coin, sure = finished.attacks
    told_too_much = sure.model_copy(update={"folds": FoldsResult(by="image", aucs=[1.0], mean_auc=1.0, std_auc=0.0)})
    point = headline(finished.model_copy(update={"attacks": [coin, told_too_much]}))
    assert point is not None
    assert point.attack.name == "coin"


def test_without_an_attack_nobody_was_identified(finished: Results) -> None:
    assert "nobody was identified" in sentence(finished.model_copy(update={"attacks": []}))
