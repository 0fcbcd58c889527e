"""What the referee tells each party at the start: its own part of the scenario, its own seed, and no other's.

A seed follows from the scenario, which anybody may read, and decides what may be known: first weights, batches. What a
defence must keep from the adversary is drawn from a company's `secret`, which follows from the split key alone.
"""

from typing import Literal

from pydantic import Field

from leakdrill.archs import ArchSpec
from leakdrill.attacks.base import Victim
from leakdrill.data.forms import Form
from leakdrill.defences.known import KnownDefences
from leakdrill.defences.release import ReleaseDefenceSpec
from leakdrill.models.device import AUTO, DeviceName
from leakdrill.scenario.models import SourceModel, TargetModel
from leakdrill.scenario.schema import Api, Verification
from leakdrill.spec import Spec


class CbigConfig(Spec):
    drill_id: str
    seed: int
    secret: int
    num_classes: int
    form: Form  # of every example
    source_model: SourceModel
    releases: Literal["feature_extractor", "source_model"] = "feature_extractor"
    release_defences: list[ReleaseDefenceSpec] = Field([])
    api: Api
    query_budget: int  # of the adversary, in examples
    spent: dict[str, int] = Field({})  # of that, by model, before anything is asked: in the run that this is a fork of
    device: DeviceName = AUTO


class CsmallConfig(Spec):
    drill_id: str
    seed: int
    secret: int
    num_classes: int  # of the target task
    form: Form  # of every example
    target_model: TargetModel
    apis: list[str]
    api: Api
    verification: Verification = Verification()
    query_budget: int
    spent: dict[str, int] = Field({})  # as of cbig's
    device: DeviceName = AUTO
    cbig_address: str  # of its private listener: "host:port"


class AdversaryConfig(Spec):
    """Only what the scenario grants: a None is a thing the adversary does not know."""

    drill_id: str
    seed: int
    num_classes: int  # of the task that the challenge is about
    form: Form  # of every example
    victim: Victim = "cbig/source"  # whose members are sought
    splits: list[str]  # dealt to it in this drill
    oracles: dict[str, str]  # "cbig/source" -> "host:port"
    exfiltration_address: str
    architecture: ArchSpec | None
    transfer_method: Literal["freeze", "fine_tune"] | None
    defences: KnownDefences | None = None
    num_workers: int
    device: DeviceName = AUTO
    fold: str = ""  # which of several fresh adversaries, who play one attack in turns: they share no process, no disk


PartyConfig = CbigConfig | CsmallConfig | AdversaryConfig
