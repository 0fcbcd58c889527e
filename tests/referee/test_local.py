import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from guarded import eventually

from leakdrill.errors import PartyUnavailable
from leakdrill.referee import process
from leakdrill.referee.local import PARTIES, LocalParties, party_command

FAKE_PARTY = Path(__file__).with_name("fake_party.py")


def fake(**behaviours: str) -> Callable[[str], list[str]]:
    """The command of parties that all behave well but for those named."""
    return lambda party: [sys.executable, str(FAKE_PARTY), behaviours.get(party, "good"), party]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # the latter where it ends between two of these steps
        return False
    return state != "Z"  # the dead who nobody has waited for yet


def pids(parties: LocalParties) -> list[int]:
    return [process.pid for process in parties._processes]


def test_parties_serve_at_the_addresses_they_announce_and_are_gone_afterwards(tmp_path: Path) -> None:
    with LocalParties(tmp_path, fake()) as parties:
        assert parties.addresses["cbig/private"] == "127.0.0.1:4001"
        assert parties.addresses["adversary/public"] == "127.0.0.1:4002"
        parties.check()
        started = pids(parties)
        assert len(started) == 3
        assert all(is_running(pid) for pid in started)
    assert not any(is_running(pid) for pid in started)
    assert parties.addresses == {}


def test_every_party_and_the_referee_have_credentials_in_a_directory_of_their_own(tmp_path: Path) -> None:
    with LocalParties(tmp_path, fake()) as parties:
        certificates = {parties.credentials_dir(party) / "cert.pem" for party in (*PARTIES, "referee")}
        assert len({path.read_bytes() for path in certificates}) == 4
        assert parties.credentials.cert == (parties.credentials_dir("referee") / "cert.pem").read_bytes()
    for directory in (tmp_path / "parties" / "adversary", tmp_path / "parties" / "adversary" / "home"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_party_that_dies_at_start_is_reported_with_its_log_and_the_others_are_stopped(tmp_path: Path) -> None:
    parties = LocalParties(tmp_path, fake(csmall="dies at start"))
    with pytest.raises(PartyUnavailable) as caught:
        parties.start()
    message = str(caught.value)
    assert "csmall did not start (exit code 1)" in message
    assert str(tmp_path / "parties" / "csmall" / "party.log") in message
    assert "no such model: resnet9" in message
    assert pids(parties) == []
    assert eventually(lambda: not processes_under(tmp_path))


def test_a_party_that_is_never_ready_is_given_up_after_a_while(tmp_path: Path) -> None:
    parties = LocalParties(tmp_path, fake(cbig="never ready"), start_seconds=0.5)  # it is looked at first
    with pytest.raises(PartyUnavailable, match=r"cbig was not ready within 0\.5 s"):
        parties.start()
    assert eventually(lambda: not processes_under(tmp_path))


def test_a_party_that_dies_later_is_reported_by_the_next_check(tmp_path: Path) -> None:
    with LocalParties(tmp_path, fake(cbig="dies later")) as parties:
        (tmp_path / "parties" / "cbig" / "home" / "now").touch()

        def is_missed() -> bool:
            try:
                parties.check()
            except PartyUnavailable as error:
                return "cbig died (killed by SIGKILL)" in str(error) and "cbig starts" in str(error)
            return False

        assert eventually(is_missed)


def test_a_party_that_ignores_every_request_to_leave_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LEAVE_SECONDS", 0.2)
    monkeypatch.setattr(process, "TERMINATE_SECONDS", 0.2)
    with LocalParties(tmp_path, fake(csmall="stubborn")) as parties:
        started = pids(parties)
    assert not any(is_running(pid) for pid in started)


def test_the_worker_that_a_party_leaves_behind_goes_too(tmp_path: Path) -> None:
    with LocalParties(tmp_path, fake(adversary="has a worker")):
        worker = int((tmp_path / "parties" / "adversary" / "home" / "worker.pid").read_text())
        assert is_running(worker)
    assert eventually(lambda: not is_running(worker))


def test_stopping_twice_is_stopping_once(tmp_path: Path) -> None:
    parties = LocalParties(tmp_path, fake())
    parties.start()
    parties.stop()
    parties.stop()


def test_stopped_parties_start_again_with_their_homes_and_without_stale_ready_files(tmp_path: Path) -> None:
    with LocalParties(tmp_path, fake()):
        (tmp_path / "parties" / "cbig" / "home" / "split").write_text("dealt")
    with pytest.raises(PartyUnavailable):  # and not taken for ready by what the first start left
        LocalParties(tmp_path, fake(cbig="never ready"), start_seconds=0.5).start()
    assert (tmp_path / "parties" / "cbig" / "home" / "split").exists()


def test_a_folder_that_is_moved_or_copied_has_its_own_models_and_nobody_elses(tmp_path: Path) -> None:
    def play_in(run_dir: Path) -> Path:
        with LocalParties(run_dir / "seat", fake(), models=run_dir / "models"):
            return (run_dir / "seat" / "parties" / "cbig" / "home" / "models").resolve()

    first, moved, copied = (tmp_path / name for name in ("first", "moved", "copied"))
    assert play_in(first) == first / "models" / "cbig"
    first.rename(moved)
    assert play_in(moved) == moved / "models" / "cbig"
    shutil.copytree(moved, copied, symlinks=True)
    assert play_in(copied) == copied / "models" / "cbig"
    link = copied / "seat" / "parties" / "cbig" / "home" / "models"
    link.unlink()
    link.symlink_to(moved / "models" / "cbig")  # as one that names its whole path would be after a copy
    assert play_in(copied) == copied / "models" / "cbig"


def test_no_party_outlives_a_referee_that_is_killed(tmp_path: Path) -> None:
    referee = subprocess.Popen([sys.executable, "-c", REFEREE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert referee.stdout
    assert referee.stdout.readline() == "started\n"
    assert len(processes_under(tmp_path)) == 3

    referee.kill()
    referee.communicate()

    assert eventually(lambda: not processes_under(tmp_path))
    assert "stdin closed" in (tmp_path / "parties" / "adversary" / "party.log").read_text()


def test_ctrl_c_reaches_the_referee_alone_which_stops_the_parties(tmp_path: Path) -> None:
    referee = subprocess.Popen(
        [sys.executable, "-c", REFEREE, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert referee.stdout
    assert referee.stdout.readline() == "started\n"

    os.killpg(referee.pid, signal.SIGINT)  # as the terminal does: to the whole foreground group
    try:
        referee.communicate(timeout=60)
    finally:
        referee.kill()

    assert not processes_under(tmp_path)
    assert "Interrupt" not in (tmp_path / "parties" / "cbig" / "party.log").read_text()


def test_the_environment_of_a_party_holds_nothing_but_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LEAKDRILL_SPLIT_KEY", "https_proxy", "PYTHONPATH"):
        monkeypatch.setenv(name, "a secret, a detour, a stranger")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    with LocalParties(tmp_path, fake()):
        environment = json.loads((tmp_path / "parties" / "adversary" / "home" / "environment.json").read_text())
    assert "a secret, a detour, a stranger" not in environment.values()
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["OPENBLAS_CORETYPE"] == "Haswell"
    assert environment["PATH"] == os.environ["PATH"]


def test_a_package_of_the_same_name_where_the_user_stands_is_not_run_as_a_party(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "__main__.py").write_text("print('an impostor')")
    command = [*party_command("cbig")[:-1], "services"]
    assert command[0] == sys.executable
    assert "an impostor" not in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout


REFEREE = f"""
import sys, time
from pathlib import Path
from leakdrill.referee.local import LocalParties

with LocalParties(Path(sys.argv[1]), lambda party: [sys.executable, {str(FAKE_PARTY)!r}, "good", party]):
    print("started", flush=True)
    time.sleep(60)
"""


def processes_under(run_dir: Path) -> list[int]:
    """The processes whose command line names `run_dir`, but for the referee's."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            command = (directory / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if bytes(run_dir / "parties") in command and is_running(int(directory.name)):
            found.append(int(directory.name))
    return found
