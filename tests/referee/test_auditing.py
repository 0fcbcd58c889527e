"""Collecting the logs of parties that answer, and of one that does not, over real servers."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from predict_api import party_credentials
from serving import served

from leakdrill.errors import NotFound
from leakdrill.network import audit
from leakdrill.network.audit import AuditLog
from leakdrill.network.guard import Guard
from leakdrill.network.identity import Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Listener
from leakdrill.parties.party import Party, PartyServicer
from leakdrill.parties.store import SplitStore
from leakdrill.pb.party_pb2_grpc import add_PartyServiceServicer_to_server
from leakdrill.referee.auditing import audit_path, collect_audits, recorded_ends
from leakdrill.referee.chain import entries_of, first_fault
from leakdrill.referee.clients import PartyClient
from leakdrill.referee.journal import Journal


@pytest.fixture
def credentials(tmp_path: Path) -> dict[str, Credentials]:
    return party_credentials(tmp_path / "credentials", "cbig", "csmall", "referee")


@pytest.fixture
def cbig(tmp_path: Path, credentials: dict[str, Credentials]) -> Iterator[PartyClient]:
    """A real party in the drill "run", as the referee calls it."""
    home = tmp_path / "home"
    with ThreadPoolExecutor(1) as executor:
        guard = Guard("cbig", Policy.load(), AuditLog(home / "audit.jsonl"))
        party = Party("cbig", home, credentials["cbig"], guard, SplitStore(home / "splits"), executor=executor)

        def add(server: Any) -> None:
            add_PartyServiceServicer_to_server(PartyServicer(party, lambda config: "run"), server)

        listener = Listener("private", add, ("leakdrill.v1.PartyService",))
        with served(guard, [listener], credentials["cbig"]) as addresses:
            party.begin("run")
            client = PartyClient("cbig", addresses["private"], credentials["referee"])
            yield client
            client.channel.close()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_a_log_is_fetched_whole_and_its_end_recorded(
    cbig: PartyClient, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "CHUNK_BYTES", 100)
    for _ in range(10):
        cbig.queries("adversary")
    journal = Journal(run_dir / "journal.jsonl")
    collect_audits([cbig], run_dir, journal)
    first = audit_path(run_dir, "cbig").read_bytes()
    collect_audits([cbig], run_dir, journal)
    second = audit_path(run_dir, "cbig").read_bytes()

    methods = [entry.method.rpartition("/")[2] for entry in entries_of(first)]
    assert methods == ["", *["Collect"] * 10]
    assert second.startswith(first)
    assert [entry.method.rpartition("/")[2] for entry in entries_of(second)][11:] == ["Audit"]
    ends = recorded_ends(run_dir)["cbig"]
    assert [end.num_lines for end in ends] == [11, 12]
    assert first_fault(second, "run", ends) is None
    assert first_fault(first, "run", ends) is not None, "what was recorded last says that a line is missing"


def test_a_party_that_is_gone_is_noted_and_the_others_are_collected(
    cbig: PartyClient, run_dir: Path, credentials: dict[str, Credentials], caplog: pytest.LogCaptureFixture
) -> None:
    gone = PartyClient("csmall", "127.0.0.1:1", credentials["referee"])
    journal = Journal(run_dir / "journal.jsonl")
    with caplog.at_level(logging.WARNING):
        collect_audits([gone, cbig], run_dir, journal)
    gone.channel.close()
    assert "no audit log of csmall" in caplog.text
    assert [(entry.event, entry.fields["party"]) for entry in journal.entries if "party" in entry.fields] == [
        ("audit_missing", "csmall"),
        ("audit_collected", "cbig"),
    ]
    assert not audit_path(run_dir, "csmall").exists()


def test_a_log_replaces_the_one_collected_before_only_when_its_end_is_recorded(
    cbig: PartyClient, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(run_dir / "journal.jsonl")
    collect_audits([cbig], run_dir, journal)
    before = audit_path(run_dir, "cbig").read_bytes()

    def killed(event: str, **fields: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(journal, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        collect_audits([cbig], run_dir, journal)
    assert audit_path(run_dir, "cbig").read_bytes() == before


def test_without_a_journal_nobody_can_say_where_the_logs_ended(run_dir: Path) -> None:
    with pytest.raises(NotFound, match=r"no journal\.jsonl"):
        recorded_ends(run_dir)
