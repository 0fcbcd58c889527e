import pytest

from leakdrill.cli.devices import with_devices
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.scenario.loading import load_scenario


def test_a_device_is_every_partys_unless_one_is_named() -> None:
    assert with_devices(None, ["cuda", "adversary=cuda:1"]) == [
        "cbig.device=cuda",
        "csmall.device=cuda",
        "adversary.device=cuda:1",
    ]
    assert with_devices(["seed=3"], None) == ["seed=3"]


def test_it_is_the_parties_own_in_the_scenario() -> None:
    scenario = load_scenario("quickstart", with_devices(None, ["cbig=cpu"])).scenario
    assert (scenario.cbig.device, scenario.csmall.device, scenario.adversary.device) == ("cpu", "auto", "auto")


def test_a_party_or_a_device_that_nobody_knows_is_refused_before_anything_is_played() -> None:
    with pytest.raises(InvalidInput, match="no party 'csmal', only cbig, csmall, adversary"):
        with_devices(None, ["csmal=cpu"])
    with pytest.raises(ScenarioError, match=r"cbig.device: .*got 'gpu', wanted auto, cpu, cuda, cuda:N or mps"):
        load_scenario("quickstart", with_devices(None, ["gpu"]))
