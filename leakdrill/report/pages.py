"""The two pages, run and sweep: what each section says, gathered for the templates."""

from importlib.metadata import version
from typing import Any

from leakdrill.report import exposure, frontier, sentence, threat_map, timeline
from leakdrill.report.curves import frontier_figure, query_figure
from leakdrill.report.distributions import distribution_figures
from leakdrill.report.examples import thumbnails
from leakdrill.report.figures import Figure
from leakdrill.report.reading import Cell, Run, Sweep
from leakdrill.report.remarks import remarks, warnings
from leakdrill.report.render import render
from leakdrill.report.roc import roc_figures
from leakdrill.results import AttackResult, Results


def run_page(run: Run, include_examples: bool = False) -> str:
    """The report on one drill."""
    results = run.results
    point = sentence.headline(results) if results else None
    strongest = sentence.strongest(results) if results else None
    return render(
        "run.html.j2",
        run=run,
        results=results,
        title=run.scenario.get("question", run.folder.name),
        verdict=results.verdict if results else "unreadable" if run.is_damaged else "unfinished",
        sentence=sentence.sentence(results) if results else _UNREADABLE if run.is_damaged else _UNFINISHED,
        footnote=sentence.footnote(results) if results else "",
        tiles=_tiles(results, strongest) if results else [],
        warnings=[*run.missing, *(warnings(results) if results else [])],
        began=timeline.began(run),
        boxes=threat_map.boxes(run),
        flows=threat_map.flows(run),
        moments=timeline.moments(run),
        story=timeline.story(run),
        strongest=strongest,
        fprs=sorted({each.fpr for attack in run.attacks for each in attack.tpr_at_fpr}, reverse=True),
        rocs=_rocs(run),
        distributions=distribution_figures(run.judged, run.attacks),
        queries=query_figure(run.attacks),
        frontier=_frontier(results) if results else None,
        is_before_defences=results is not None and frontier.is_before_defences([results]),
        utility=frontier.utility_name([results] if results else []),
        exposed=_exposed(run, point, include_examples),
        remarks=remarks(results) if results else [],
        version=version("leakdrill"),
    )


_UNFINISHED = "The drill was not played to its end: nothing was judged."
_UNREADABLE = "What the drill found cannot be read."


def sweep_page(sweep: Sweep, has_links: bool = True) -> str:
    """The report on a grid: what each cell came to, beside the others, with links to their reports beside it."""
    rows = [row for row in frontier.rows_of(sweep) if row.auc or row.worth]
    played = [cell.run.results for cell in sweep.cells if cell.run and cell.run.results]
    utility = frontier.utility_name(played)
    frontiers = [
        frontier_figure(points, utility, metric, f"{metric} of the strongest attack")
        for metric in ("AUC", "accuracy")
        if len(points := frontier.frontier_rows(rows, metric)) > 1
    ]
    return render(
        "sweep.html.j2",
        sweep=sweep,
        title=sweep.scenario.get("question", sweep.folder.name),
        sentence=_sweep_sentence(rows),
        verdicts={verdict: sum(each.verdict == verdict for each in played) for verdict in _VERDICTS},
        num_played=len(played),
        warnings=sweep.missing,
        rows=rows,
        attacks=frontier.attack_names(rows),
        axes=list(dict.fromkeys(axis for row in rows for axis in row.labels)),
        utility=utility,
        intervals=frontier.intervals_name(rows),
        is_before_defences=frontier.is_before_defences(played),
        cells=[(cell, _numbered(cell), _strongest(cell)) for cell in sweep.cells if cell.run],
        not_begun=[cell.name for cell in sweep.cells if not cell.run],
        has_links=has_links,
        frontiers=frontiers,
        environment=played[0].environment if played else {},
        version=version("leakdrill"),
    )


def _frontier(results: Results) -> Figure | None:
    """None where there is nothing to compare."""
    points = frontier.run_rows(results)
    utility = frontier.utility_name([results])
    return frontier_figure(points, utility, "AUC", "AUC of each attack") if len(points) > 1 else None


_VERDICTS = ("met", "not met", "undecided", "broken")


def _sweep_sentence(rows: list[frontier.Row]) -> str:
    ranked = sorted((row for row in rows if row.strongest), key=lambda row: row.auc[str(row.strongest)].value)
    if not ranked:
        return "No cell was judged yet."
    if len(ranked) == 1:
        return f"One setting was judged: its strongest attack reaches an AUC of {_best(ranked[0])}."
    return (
        f"The strongest attack on each setting has an AUC from {_best(ranked[0])} ({ranked[0].name}) "
        f"to {_best(ranked[-1])} ({ranked[-1].name}); 0.5 is a guess."
    )


def _best(row: frontier.Row) -> str:
    return f"{row.auc[str(row.strongest)].value:.3f}"


def _numbered(cell: Cell) -> str:
    """Its labels after the number of its folder; the folder's name where nobody knows more."""
    name, number = frontier.name_of(cell.labels), cell.name.partition("-")[0]
    return f"{number}: {name}" if number.isdecimal() and name != cell.name else cell.name


def _strongest(cell: Cell) -> AttackResult | None:
    return sentence.strongest(cell.run.results) if cell.run and cell.run.results else None


def _tiles(results: Results, strongest: AttackResult | None) -> list[tuple[str, str, str]]:
    """(figure, what it is, what it is beside)."""
    tiles = []
    if strongest:
        auc = strongest.auc
        tiles.append(
            (
                f"{auc.value:.3f}",
                "AUC of the strongest attack",
                f"{strongest.name}, {auc.low:.3f} to {auc.high:.3f}; 0.5 is a guess",
            )
        )
    if baseline := results.baseline:
        tiles.append((f"{baseline.auc.value:.3f}", "AUC without any model", "from the raw data: must be about 0.5"))
    for name, model in results.models.items():
        tested = model.test_accuracy
        tiles.append(
            (
                f"{tested.value:.1%}",
                f"test accuracy of the {name} model",
                f"{model.train_accuracy.value:.1%} on its own training data",
            )
        )
    if asked := sum(sum(attack.queries.values()) for attack in results.attacks):
        cost = sum(attack.cost for attack in results.attacks)
        tiles.append(
            (
                f"{asked:,}",
                "queries in all",
                f"for {cost:,.2f} in units of money" if cost else "free of charge in this scenario",
            )
        )
    return tiles


def _rocs(run: Run) -> list[tuple[str, list[Figure]]]:
    """Curves over examples and over people apart, and of the people's photos: they do not share an axis."""
    units = {attack.name: attack.unit for attack in run.attacks}
    found = []
    for unit, title in (
        ("example", ""),
        ("identity", "Over people: each is one sample, with the mean of their scores"),
    ):
        judged = {name: one for name, one in run.judged.items() if units.get(name, "example") == unit}
        if figures := roc_figures(judged, unit):
            found.append((title, figures))
    if figures := roc_figures(run.by_photo, "photo"):
        found.append(("Over their photos, one by one: those of one person are no samples apart, so no bands", figures))
    return found


def _exposed(run: Run, point: sentence.OperatingPoint | None, include_examples: bool) -> dict[str, Any]:
    if point is None:
        return {}
    most = exposure.most_exposed(run, point)
    classes = exposure.by_class(run, point)
    are_people = point.attack.unit == "identity"
    pictures: dict[int, str] = {}
    without = ""
    if include_examples and most and not are_people:
        pictures, without = thumbnails(run, [each.position for each in most])
    return {
        "attack": point.attack.name,
        "most": most,
        "are_people": are_people,
        "classes": classes,
        "figure": exposure.class_figure(classes, point.attack.name),
        "pictures": pictures,
        "without": without,
    }
