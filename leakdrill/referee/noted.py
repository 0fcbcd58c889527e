"""What an attack says of itself without which its figures would be misread, in a line each."""

from collections.abc import Iterator

from leakdrill.results import AttackResult


def noted(attack: AttackResult) -> Iterator[str]:
    """Of searches that failed, of scores that are the same, of shadow models that learned nothing; of the first repeat.

    Notes are the adversary's own words: what is no count there is passed over.
    """
    notes = attack.notes.get("by", attack.notes)  # an attack on outliers has those of the one that judged them

    def count(of: str) -> int:
        number = notes.get(of) if isinstance(notes, dict) else None
        return number if type(number) is int else 0

    if failed := count("failed_searches"):
        yield f"{attack.name}: {failed:,} searches found no boundary: no distance, and scored as telling nothing"
    if sure := count("confidences_of_exactly_1"):
        tied = count("tied_at_the_top")
        shared = f", and {tied:,} examples share the highest score: a low FPR has all of these or none"
        yield f"{attack.name}: {sure:,} answers are a confidence of exactly 1{shared if tied > 1 else ''}"
    if constant := count("shadow_models_of_one_label"):
        yield f"{attack.name}: {constant:,} of its shadow models give one label to everything, and teach it little"
