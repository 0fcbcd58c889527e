"""Seats: for whom a run takes scores, how often, and under which name the parties' accounts know them.

RUN/submissions/seats.json    written by the referee, readable by its owner only
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from leakdrill import whole
from leakdrill.errors import InvalidInput, NotFound
from leakdrill.network.policy import PLAYER
from leakdrill.spec import Spec

FOLDER = "submissions"
MAX_NAME_LENGTH = 40
_FORBIDDEN = set('/\\:*?"<>|')  # in the names of folders, on one system or another


class Seat(Spec):
    """`caller`: whose queries are the player's, by certificate. `attack`: what its attacks are called in results."""

    name: str
    caller: str
    folder: str  # in the run's
    attack: str
    most: int  # submissions
    is_step: bool = False  # an attack of the timeline, which the drill judges when it gets there


_SEATS = TypeAdapter(tuple[Seat, ...])


def alone(most: int) -> tuple[Seat, ...]:
    """Of the one who plays the adversary itself."""
    return (Seat(name="player", caller="adversary", folder="player", attack="player", most=most),)


def of_class(names: Sequence[str], most: int) -> tuple[Seat, ...]:
    """Each with a certificate, and so with an account, of its own."""
    callers = [f"{PLAYER}-{number:02}" for number in range(1, len(names) + 1)]
    slugs = [_slug(name) for name in names]
    taken = Counter([*slugs, *(caller.replace("-", "_") for caller in callers)])
    return tuple(
        Seat(
            name=name,
            caller=caller,
            folder=f"player-{name}",
            attack=slug if slug and taken[slug] == 1 else caller.replace("-", "_"),
            most=most,
        )
        for name, caller, slug in zip(names, callers, slugs, strict=True)
    )


def of_step(name: str, most: int) -> Seat:
    """Of the attack `name` of a timeline."""
    return Seat(name=name, caller="adversary", folder="player", attack=name, most=most, is_step=True)


def read_names(path: Path) -> list[str]:
    """One name a line; empty lines do not count. Raises NotFound or InvalidInput, saying in which line what is wrong.

    Names become folders, so two that differ in capitals or in how an accent is written count as the same.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise NotFound(f"no file {path}: write the players' names into it, one a line") from error
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise InvalidInput(f"{path} is no text in UTF-8 ({error}): write the players' names into it, one a line") from (
            error
        )
    seen: dict[str, int] = {}
    names = []
    for number, line in enumerate(lines, start=1):
        if name := unicodedata.normalize("NFC", line.strip()):
            where = f"line {number} of {path}: {name!r}"
            _check_name(name, where)
            if before := seen.get(name.casefold()):
                raise InvalidInput(f"{where} is in line {before} already: give each player a name of their own")
            seen[name.casefold()] = number
            names.append(name)
    if not names:
        raise InvalidInput(f"{path} has no name in it: write the players' names into it, one a line")
    return names


def write_seats(run_dir: Path, seats: Sequence[Seat]) -> None:
    """Add these to those that are there, in the place of any of the same name."""
    folder = run_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    others = [seat for seat in recorded_seats(run_dir) if seat.name not in {each.name for each in seats}]
    whole.write(folder / "seats.json", _SEATS.dump_json((*others, *seats), indent=2))


def read_seats(run_dir: Path) -> tuple[Seat, ...]:
    """Raises NotFound for a run that takes no submissions."""
    if not (seats := recorded_seats(run_dir)):
        raise NotFound(
            f"{run_dir} takes no submissions: wanted the folder of a run that leakdrill up has started, or of one that "
            "has come to an attack {kind: external} of its timeline"
        )
    return seats


def recorded_seats(run_dir: Path) -> tuple[Seat, ...]:
    """None where nobody plays."""
    path = run_dir / FOLDER / "seats.json"
    return _SEATS.validate_json(path.read_bytes()) if path.exists() else ()


def seat_of(run_dir: Path, name: str | None) -> Seat:
    """That of the name; without one, the only one there is. Raises NotFound, with the names there are."""
    seats = read_seats(run_dir)
    if name is None and len(seats) == 1:
        return seats[0]
    for seat in seats:
        if name is not None and seat.name.casefold() == unicodedata.normalize("NFC", name).casefold():
            return seat
    told = f"nobody called {name!r} plays here" if name is not None else "several play here"
    raise NotFound(f"{told}: say --name with one of {', '.join(seat.name for seat in seats)}")


def _check_name(name: str, where: str) -> None:
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidInput(f"{where} has {len(name)} characters, wanted {MAX_NAME_LENGTH} at most: shorten it")
    if wrong := sorted({each for each in name if each in _FORBIDDEN or not each.isprintable()}):
        raise InvalidInput(
            f"{where} has {', '.join(map(repr, wrong))}, which no folder's name can have: leave it out, since each "
            "player gets a folder of that name"
        )
    if name.startswith(".") or name.endswith("."):
        raise InvalidInput(f"{where} begins or ends with a dot: leave it out, since each player gets a folder so named")


def _slug(name: str) -> str:
    """The name as an attack may be called, or "" if nothing is left of it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return slug if re.match("[a-z]", slug) else ""
