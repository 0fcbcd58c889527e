from leakdrill.referee.compare import MISSING, Difference, differences, figures
from leakdrill.results import Interval, Results


def test_a_run_does_not_differ_from_itself(results: Results) -> None:
    assert differences(results, results.model_copy()) == []


def test_a_figure_that_changed_in_its_last_bit_is_named_with_both_values(results: Results) -> None:
    first, *rest = results.attacks
    moved = Interval(value=first.auc.value + 1e-16 * 2, low=first.auc.low, high=first.auc.high)
    assert moved.value != first.auc.value
    changed = results.model_copy(update={"attacks": [first.model_copy(update={"auc": moved}), *rest]})
    assert differences(results, changed) == [Difference("attacks.after.auc.value", first.auc.value, moved.value)]


def test_times_and_the_machine_are_no_figures(results: Results) -> None:
    first, *rest = results.attacks
    later = results.model_copy(
        update={
            "attacks": [first.model_copy(update={"seconds": 99.0, "notes": {"tuning_seconds": 3.0}}), *rest],
            "environment": {"commit": "another"},
            "seconds": {"adapt": 1.0},
        }
    )
    assert differences(results.model_copy(update={"seconds": {}}), later) == []


def test_what_only_one_run_has_is_missing_from_the_other(results: Results) -> None:
    shorter = results.model_copy(update={"attacks": results.attacks[:1]})
    lost = differences(results, shorter)
    assert {difference.figure.rsplit(".")[1] for difference in lost} == {"gap"}
    assert {difference.now for difference in lost} == {MISSING}
    assert {difference.then for difference in differences(shorter, results)} == {MISSING}


def test_figures_go_by_the_names_of_what_they_belong_to(results: Results) -> None:
    named = figures(results)
    assert named["models.source.test_accuracy.num_correct"] == 1210
    assert named["attacks.after.tpr_at_fpr.1.true_positives"] == 43
    assert named["verdict"] == "met"
    assert "models.source.seconds" not in named
