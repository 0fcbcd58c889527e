import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from leakdrill.referee.table import render, render_cells
from leakdrill.report.remarks import remarks
from leakdrill.results import AttackResult, Exclusion, FoldsResult, Interval, Overlap, Results, WithinQueries


def plain(renderable: RenderableType, width: int = 100) -> str:
    """As it is written to a file."""
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name))


def changed(results: Results, **fields: Any) -> Results:
    return results.model_copy(update=fields)


def test_the_table_answers_the_question_with_models_attacks_expectations_and_a_verdict(results: Results) -> None:
    text = plain(render(results))
    order = [
        "Does a leak expose",
        "source",
        "leaked: feature_extractor",
        "after",
        "baseline",
        "✓ holds",
        "met: what was",
    ]
    positions = [text.index(part) for part in order]
    assert positions == sorted(positions)


def test_rates_are_percent_and_auc_is_a_fraction_each_with_its_interval(results: Results) -> None:
    text = plain(render(results))
    assert "60.5% [58.3, 62.7]" in row(text, "source")
    for figure in ("0.703 [0.673, 0.733]", "65.1%", "62.0%", "77.7%", "4.3%", "12,345", "21.3"):
        assert figure in row(text, "after")


def test_an_auc_below_chance_is_shown_as_such(results: Results) -> None:
    assert "0.412 [0.382, 0.442]" in row(plain(render(results)), "gap")


def test_a_kind_stands_below_a_name_that_does_not_say_it(results: Results) -> None:
    text = plain(render(results))
    assert "transmia/freeze" in text
    assert text.count("gap") == 1


def test_a_precision_without_positive_decisions_and_a_tpr_not_given_are_left_blank(results: Results) -> None:
    assert row(plain(render(results)), "gap").split().count("-") == 2


def test_where_one_percent_is_not_given_the_smallest_rate_that_is_stands_in(results: Results) -> None:
    def without_last(attack: AttackResult) -> AttackResult:
        return attack.model_copy(update={"tpr_at_fpr": attack.tpr_at_fpr[:-1]})

    attacks = [without_last(attack) for attack in results.attacks]
    text = plain(render(changed(results, attacks=attacks, baseline=None)))
    assert "TPR@10%" in text
    assert "22.2%" in row(text, "after")


def test_the_spread_over_repeats_is_said_to_be_one(results: Results) -> None:
    text = plain(render(results))
    assert "0.701 ± 0.011" in text
    assert "± 2.0" in text
    assert "3 repeats" in text


@pytest.mark.parametrize(
    ("verdict", "outcomes", "said"),
    [
        ("met", ["holds", "holds"], "met: all 2 expectations hold"),
        ("met", [], "nothing in particular was expected"),
        ("not met", ["holds", "does not hold"], "not met: of 2 expectations, 1 did not hold"),
        ("undecided", ["undecided"], "undecided: of 1 expectation, 1 cannot be decided at this sample size"),
    ],
)
def test_the_verdict_is_said_in_plain_words(results: Results, verdict: str, outcomes: list[str], said: str) -> None:
    expectations = [results.expectations[0].model_copy(update={"outcome": outcome}) for outcome in outcomes]
    assert said in plain(render(changed(results, verdict=verdict, expectations=expectations)))


def test_a_broken_drill_says_why_even_when_it_has_nothing_else_to_show(results: Results) -> None:
    empty: dict[str, Any] = {"models": {}, "breaches": [], "baseline": None, "attacks": [], "expectations": []}
    text = plain(render(changed(results, verdict="broken", error="cbig died [exit code 1]", **empty)))
    assert "broken: cbig died [exit code 1]" in text


def test_an_expectation_that_was_not_reached_says_so(results: Results) -> None:
    lost = results.expectations[0].model_copy(
        update={"outcome": "undecided", "got": {"reason": "after.auc: not there"}}
    )
    text = plain(render(changed(results, expectations=[lost])))
    assert "? undecided: the leak exposes members" in text
    assert "got after.auc: not there" in text


def test_markup_in_a_scenario_is_only_text(results: Results) -> None:
    text = plain(render(changed(results, scenario={"question": "Is [bold]g_s[/bold] worth [x]?"})))
    assert "Is [bold]g_s[/bold] worth [x]?" in text


def test_everything_fits_in_a_hundred_columns(results: Results) -> None:
    long = results.attacks[0].model_copy(update={"name": "through_target_tl4", "queries": {"cbig/source": 9_999_999}})
    lines = plain(render(changed(results, attacks=[long]))).splitlines()
    assert any("9,999,999" in line and "0.703 [0.673, 0.733]" in line for line in lines)


def test_in_eighty_columns_the_rates_still_stand_and_the_costs_are_left_out(results: Results) -> None:
    text = plain(render(results), width=80)
    for figure in ("0.703 [0.673, 0.733]", "65.1%", "62.0%", "77.7%", "4.3%"):
        assert figure in row(text, "after")
    assert "queries" not in text


def test_a_grid_is_one_table_with_the_settings_of_each_cell(results: Results) -> None:
    broken = changed(results, verdict="broken", attacks=[])
    cells = [({"data.splits.shadow_train": 100}, results), ({"data.splits.shadow_train": 200}, broken)]
    text = plain(render_cells(cells))
    assert "shadow_train" in text
    after, gap = [line for line in text.splitlines() if line.startswith("100")]
    assert "after" in after
    assert "0.703 [0.673, 0.733]" in after
    assert "0.412" in gap
    assert row(text, "200").split()[-1] == "broken"


SIZES = [(4, 1), (8, 1), (8, 2)]


def test_of_a_mapping_that_a_grid_sets_as_much_is_shown_as_tells_its_cell_from_the_others(results: Results) -> None:
    settings = [{"validation": 2, "train": size, "test": 2 * size, "shadow": shadow} for size, shadow in SIZES]
    text = plain(render_cells([({"data.splits": setting}, results) for setting in settings]), width=140)
    assert [line for line in text.splitlines() if line.startswith("train 4 ")]
    assert "train 8, shadow 1" in text
    assert "train 8, shadow 2" in text
    assert "validation" not in text
    assert "test 8" not in text


def priced(results: Results) -> Results:
    return changed(results, attacks=[results.attacks[0].model_copy(update={"cost": 18.5175}), *results.attacks[1:]])


def test_a_cost_stands_beside_the_queries_where_something_has_a_price(results: Results) -> None:
    text = plain(render(priced(results)), width=120)
    assert row(text, "attack").split()[-3:] == ["queries", "cost", "seconds"]
    assert row(text, "after").split()[-3:] == ["12,345", "18.52", "21.3"]
    assert row(text, "gap").split()[-3:] == ["12,345", "0.00", "21.3"]
    assert "cost" not in plain(render(results), width=120)


def test_a_cost_makes_room_for_itself_in_a_hundred_columns(results: Results) -> None:
    long = priced(results).attacks[0].model_copy(update={"name": "through_target_tl4", "cost": 9_999.5})
    lines = plain(render(changed(results, attacks=[long]))).splitlines()
    assert any("9,999.50" in line and "0.703 [0.673, 0.733]" in line for line in lines)
    assert not any("seconds" in line for line in lines if "queries" in line)
    assert "cost" not in plain(render(priced(results)), width=80)


def test_the_caption_says_that_people_were_counted(results: Results) -> None:
    people = [attack.model_copy(update={"unit": "identity"}) for attack in results.attacks]
    assert "1,000 member identities of cbig/source and 1,000 non-member identities" in plain(
        render(changed(results, attacks=people))
    )


def with_curve(attack: AttackResult, name: str, **aucs: float) -> AttackResult:
    points = [
        WithinQueries(
            queries=int(queries[1:]),
            auc=Interval(value=auc, low=auc - 0.1, high=auc + 0.1),
            accuracy=Interval(value=0.6, low=0.5, high=0.7),
        )
        for queries, auc in aucs.items()
    ]
    return attack.model_copy(update={"name": name, "curve": tuple(points)})


def test_the_best_attack_within_each_budget_is_what_a_query_buys(results: Results) -> None:
    attack = results.attacks[0]
    curves = [
        with_curve(attack, "near", q1=0.61, q14=0.64, q100=0.8, q400=0.75),
        with_curve(attack, "shifted", q5=0.7),
        with_curve(attack, "noisy", q100=0.77),
        attack,
    ]
    lines = plain(render(changed(results, attacks=curves))).splitlines()
    top = next(number for number, line in enumerate(lines) if "queries per example" in line)
    rows = [line.split()[:3] for line in lines[top + 2 : top + 6]]
    assert rows == [
        ["1", "near", "0.610"],
        ["5", "shifted", "0.700"],
        ["14", "shifted", "(5)"],
        ["100", "near", "0.800"],
    ]
    assert lines[top + 6].split()[:3] == ["400", "noisy", "(100)"]  # near has spent all of its 400, and is at 0.75


def test_a_single_budget_has_no_table_of_its_own(results: Results) -> None:
    one = with_curve(results.attacks[0], "gap", q1=0.6)
    assert "queries per example" not in plain(render(changed(results, attacks=[one])))


def test_folds_exclusions_and_overlaps_have_a_line_each_where_there_is_something_to_say(results: Results) -> None:
    assert "folds" not in plain(render(results))
    folds = FoldsResult(by="image", aucs=[0.6, 0.8], mean_auc=0.7, std_auc=0.141)
    first, *others = results.attacks
    told = first.model_copy(update={"folds": folds, "num_excluded": 3, "goal": "identity", "unit": "identity"})
    overlaps = (
        Overlap(sides=("non_members", "student"), shared_names=2, same_files=0, near_duplicates=5),
        Overlap(sides=("teacher", "student"), shared_names=0, same_files=0, near_duplicates=None),
    )
    exclusions = (
        Exclusion(of="data.target.dataset", people=0, images=None),
        Exclusion(of="data.verification_pairs", people=3, images=1, pairs=7),
    )
    found = changed(results, attacks=[told, *others], overlaps=overlaps, exclusions=exclusions)
    text = plain(render(found), width=150)
    left_out = "3 people of cbig's by name, 1 image that looks like one of cbig's, with them 7 pairs"
    assert f"left out of data.verification_pairs: {left_out}" in text
    assert f"Left out of data.verification_pairs: {left_out}." in remarks(found)
    assert "data.target.dataset" not in text
    assert f"{first.name}: AUC 0.700 ± 0.141 over 2 folds by image, the adversary told of other photos" in text
    assert f"{first.name}: 3 identities left out" in text
    assert "non-members and student share 2 names, 5 images that look the same" in text
    assert "teacher" not in text
