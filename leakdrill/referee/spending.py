"""What an attack asked, by the accounts of those who own the APIs, also when it was interrupted and played again."""

from collections.abc import Mapping

from leakdrill.referee.journal import STEP_BEGUN, Journal


def asked_before(journal: Journal, key: str, now: Mapping[str, int]) -> dict[str, int]:
    """The owners' counts when the attack `key` began, for the first time if it was interrupted.

    What its earlier start asked is its own: the same requests come again under the same keys, and are free. `now` are
    the counts at this moment; lower ones than then are another account's, whose owner has lost the first.
    """
    begun = [entry.fields["queries"] for entry in journal.entries if _begins(entry.event, entry.fields, key)]
    if begun and all(now.get(model, 0) >= count for model, count in begun[-1].items()):
        return dict(begun[-1])
    journal.append(STEP_BEGUN, key=key, queries=dict(now))
    return dict(now)


def _begins(event: str, fields: Mapping[str, object], key: str) -> bool:
    return event == STEP_BEGUN and fields["key"] == key
