"""Whether a party serves, asked of real servers; and what it costs to ask where none does yet."""

import subprocess
import sys
from pathlib import Path

import pytest
from predict_api import party_credentials
from serving import served

from leakdrill.errors import PartyUnavailable
from leakdrill.network.guard import Guard
from leakdrill.network.healthcheck import check_health, check_listening
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Listener

NOBODY = """
import sys
from leakdrill.network import healthcheck
sys.argv = ["healthcheck", "cbig", "127.0.0.1:1"]
try:
    healthcheck.main()
except SystemExit as said:
    print(said, sorted({"grpc", "torch", "cryptography"} & set(sys.modules)))
"""


def test_a_party_that_serves_is_well_and_another_in_its_place_is_not(tmp_path: Path) -> None:
    credentials = party_credentials(tmp_path, "cbig")
    listener = Listener("private", lambda server: None, ("leakdrill.v1.PartyService",))
    with served(Guard("cbig", Policy.load()), [listener], credentials["cbig"]) as addresses:
        check_listening(addresses["private"])
        check_health(addresses["private"], credentials["cbig"], "cbig")
        with pytest.raises(PartyUnavailable):
            check_health(addresses["private"], credentials["cbig"], "csmall")


def test_where_nobody_listens_the_answer_is_there_before_grpc_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", NOBODY], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("nobody listens at 127.0.0.1:1 yet: ")
    assert done.stdout.endswith(" []\n")
