"""Parties that somebody else started: in containers, or on other machines."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError, field_validator

from leakdrill.errors import InvalidInput, NotFound
from leakdrill.network.healthcheck import check_health
from leakdrill.network.identity import Credentials
from leakdrill.referee.local import PARTIES, LocalParties
from leakdrill.scenario.safe_yaml import parse_yaml
from leakdrill.spec import Spec

LISTENERS = {f"{party}/private" for party in PARTIES} | {"cbig/public", "csmall/public", "csmall/exfiltration"}


class Parties(Protocol):
    """Where the parties are, as the referee sees them. Addresses are those that the callers use, not the referee."""

    @property
    def addresses(self) -> dict[str, str]:
        """By party and listener: "cbig/public" -> "host:port"."""

    @property
    def credentials(self) -> Credentials:
        """The referee's own."""

    @property
    def logs(self) -> str:
        """Where a person finds what the parties said."""

    def check(self) -> None:
        """Raise PartyUnavailable when a party is gone."""

    def renew_certificates(self) -> bool:
        """A new one for every party, of a new authority, in its folder; False where that is somebody else's to do."""


class RemoteParties(Spec):
    """Running parties, as a file names them: see compose.parties.yaml."""

    addresses: dict[str, str]
    credentials_dir: Path  # ca.pem, cert.pem and key.pem of the referee
    logs: str = "the parties' own logs"

    @field_validator("addresses")
    @classmethod
    def _all_listeners(cls, addresses: dict[str, str]) -> dict[str, str]:
        if missing := LISTENERS - addresses.keys():
            raise ValueError(f"no address of {', '.join(sorted(missing))}")
        return addresses

    @classmethod
    def load(cls, path: Path) -> "RemoteParties":
        """Raises NotFound or InvalidInput, saying what is missing or malformed."""
        try:
            return cls.model_validate(parse_yaml(path.read_text(), origin=str(path)))
        except FileNotFoundError as error:
            raise NotFound(f"no parties file {path}: it names the address of each party's listeners") from error
        except ValidationError as error:
            raise InvalidInput(f"{path} is no parties file: {error}") from error

    @property
    def credentials(self) -> Credentials:
        return Credentials.load(self.credentials_dir)

    def renew_certificates(self) -> bool:
        return False

    def check(self) -> None:
        for party in PARTIES:
            check_health(self.addresses[f"{party}/private"], self.credentials, party)


@contextlib.contextmanager
def seated(run_dir: Path, given: Parties | None = None) -> Iterator[Parties]:
    """The given parties; without any, local processes with their homes in `run_dir`, stopped at the end.

    Local ones that are given and not started yet are started, and stopped at the end, too.
    """
    if isinstance(given, LocalParties) and not given.addresses:
        with given as local:
            yield local
    elif given is not None:
        given.check()
        yield given
    else:
        with LocalParties(run_dir) as local:
            yield local
