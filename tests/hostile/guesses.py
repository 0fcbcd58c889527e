"""Every string and number within the adversary's reach, tried as the key or the seed that dealt the challenge.

The adversary knows the code, the scenario but for its key, and the public data set. So it can deal again with any key
it can think of, and a key that deals the very challenge it holds says who is a member.
"""

import random
import re
from collections.abc import Iterator
from itertools import islice

import numpy as np
import tap
from numpy.typing import NDArray
from seen import Columns

from leakdrill.data import splits
from leakdrill.data.beside import tasks_beside
from leakdrill.data.draw import examples_by_class
from leakdrill.data.tasks import Task, source_task
from leakdrill.datasets.source import ExampleSource
from leakdrill.scenario.data import Data
from leakdrill.seeds import derive

MAX_OF_ONE_KIND = 20  # tokens of one text
MAX_GUESSES = 1500
MAX_ROOT_SEED = 300  # of a scenario: people write small numbers
CLOCK_SECONDS = 5
_TOKENS = [re.compile(pattern) for pattern in (r"[0-9a-f]{16,}", r"[0-9]+", r"[A-Za-z0-9]{4,}", r"[\w-]{4,}")]
_PURPOSES = ("split", "splits", "split_key", "key", "truth", "challenge", "members", "deal", "data", "referee", "cbig")


def guesses(texts: dict[str, str]) -> dict[str, str]:
    """Candidate keys by where they come from, each once. The first texts count most: there is an end to patience."""
    found: dict[str, str] = {}
    known: set[str] = set()
    for name, text in texts.items():
        hits = (islice(pattern.finditer(text), MAX_OF_ONE_KIND) for pattern in _TOKENS)
        tokens = [*dict.fromkeys([text.strip(), *(hit.group() for some in hits for hit in some)])]
        fresh = {f"{name}[{place}]": token for place, token in enumerate(tokens) if token not in known}
        known.update(tokens)
        found |= fresh
    return dict(list(found.items())[:MAX_GUESSES]) | dict(_derived(known)) | dict(_clock())


def _derived(known: set[str]) -> Iterator[tuple[str, str]]:
    """Keys that code like ours would make of a seed, and the small seeds that nobody needs to be told."""
    for root in range(MAX_ROOT_SEED):
        yield f"small {root}", str(root)
    for root in sorted(token for token in known if token.isdecimal() and 3 <= len(token) <= 20)[:MAX_ROOT_SEED]:
        for purpose in _PURPOSES[:3]:
            yield f"{purpose} of {root}", str(derive(root, purpose))
    for root in range(MAX_ROOT_SEED // 10):
        for purpose in _PURPOSES:
            yield f"{purpose} of {root}", str(derive(root, purpose))


def _clock() -> Iterator[tuple[str, str]]:
    start = int(tap.CALLS[0].clock)
    for seconds in range(-CLOCK_SECONDS, 2):
        yield f"clock {seconds}", str(start + seconds)


def columns(
    texts: dict[str, str], told: tuple[str, ...], data: Data, public: ExampleSource, places: NDArray[np.int64]
) -> Columns:
    """For each guess from the texts named in `told`, who would be a member; and for any guess that fits, who is."""
    found: Columns = {"a key that fits": np.zeros(len(places))}
    deals_this = _Trial(data, public, places)
    for name, key in guesses(texts).items():
        if fits := deals_this(key):
            found["a key that fits"] = _under(key, data, places)
        if name.rpartition("[")[0] in told:
            found[f"key {name}"] = found["a key that fits"] if fits else _under(key, data, places)
            found |= _as_seed(f"seed {name}", key, len(places))
    return found


class _Trial:
    """Whether a key deals the very challenge that we hold. One class of it will tell, and takes a tenth of the time."""

    def __init__(self, data: Data, public: ExampleSource, places: NDArray[np.int64]) -> None:
        self._task = _asked(data, public)
        self._label = int(public.labels[places[0]])  # a class that this challenge has: a fold's has not all
        self._class = examples_by_class(public)[self._label]
        self._held = np.isin(self._class, places)

    def __call__(self, key: str) -> bool:
        drawn = self._task._draw_class(self._label, self._class, key)
        of_challenge = [*drawn["members"], *drawn.get("non_members", [])]  # by identity, all of a class have one name
        return bool(np.isin(self._class, of_challenge)[self._held].all())


def _asked(data: Data, public: ExampleSource) -> Task:
    """The task that the challenge is about."""
    of_target = tasks_beside(data, public).target if data.challenge.members_of == "target" else None
    return of_target or source_task(data, public)


def _under(key: str, data: Data, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Under `key`, 1 for a member, -1 for a non-member, 0 for who would not be in the challenge."""
    cards = splits.deal(data, key)
    said = dict(zip(cards.splits["challenge"].indices.tolist(), (2.0 * cards.is_member - 1).tolist(), strict=True))
    return np.array([said.get(place, 0.0) for place in places.tolist()])


def _as_seed(name: str, token: str, num_examples: int) -> Columns:
    """The usual ways of a careless shuffle."""
    if not token.isdecimal():
        return {}
    seed = int(token)
    shuffled = list(range(num_examples))
    random.Random(seed).shuffle(shuffled)
    orders = {
        "default_rng": np.random.default_rng(seed).permutation(num_examples),
        "RandomState": np.random.RandomState(seed % 2**32).permutation(num_examples),
        "random": np.array(shuffled),
    }
    found = {f"{name} {kind}": order.astype(float) for kind, order in orders.items()}
    return found | {f"{name} {kind} inverse": np.argsort(order).astype(float) for kind, order in orders.items()}
