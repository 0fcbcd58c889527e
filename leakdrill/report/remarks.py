"""What a reader must know before the figures, and what the tables have no room for."""

from leakdrill.counted import counted
from leakdrill.referee.noted import noted
from leakdrill.results import Results


def warnings(results: Results) -> list[str]:
    """What a reader must know before believing anything else."""
    found = []
    if results.undecided_because:
        found.append(f"Nothing here decides anything: {results.undecided_because}.")
    elif results.baseline and results.baseline.auc.low > 0.5:
        found.append(
            f"The raw data alone tell members from others (AUC {results.baseline.auc.value:.3f}, interval above 0.5): "
            "the two are not drawn alike, and no attack's figure says anything of the model."
        )
    found += [
        f"The defence {each.called} was not attacked adaptively: no attack here expects it, so its worth is not known."
        for each in results.defences
        if not each.attacked_adaptively
    ]
    return found


def remarks(results: Results) -> list[str]:
    """What the tables have no room for: folds, who was left out, what attacks note, what the deal's sides share."""
    found = []
    for attack in results.attacks:
        if folds := attack.folds:
            over = f"{len(folds.aucs)} folds by {folds.by}"
            found.append(f"{attack.name}: AUC {folds.mean_auc:.3f} ± {folds.std_auc:.3f} over {over}.")
        if attack.num_excluded:
            units = "people" if attack.unit == "identity" else "examples"
            found.append(
                f"{attack.name}: {attack.num_excluded:,} {units} left out, of which nothing was said or known."
            )
        found += [f"{line}." for line in noted(attack)]
        if attack.goal == "attribute":
            found.append(f"{attack.name}: no curve, for the run's folder does not say who has the attribute.")
    for shared in results.overlaps:
        first, second = (side.replace("_", "-") for side in shared.sides)
        if shared.same_files or shared.near_duplicates:
            alike = counted(shared.near_duplicates or 0, "image that looks the same", "images that look the same")
            found.append(f"{first} and {second} share {counted(shared.same_files, 'file')}, and {alike}.")
    return found + [f"{words[0].upper()}{words[1:]}." for words in results.left_out_or_enlarged]
