"""What a person may have meant: the end of every message about an unknown name."""

import difflib
from collections.abc import Iterable


def suggest(word: str, known: Iterable[str]) -> str:
    """The closest of the known names, if any is close, and then all of them."""
    names = sorted(set(known))
    listed = f"known: {', '.join(names)}" if names else "there is none"
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}? {listed}" if close else listed
