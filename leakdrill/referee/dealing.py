"""Dealing: each party is told its own part of the scenario and handed its own examples, and nothing else."""

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from leakdrill.config import AdversaryConfig, CbigConfig, CsmallConfig, PartyConfig
from leakdrill.datasets.source import ImageSource
from leakdrill.referee.clients import PartyClient
from leakdrill.scenario import Scenario
from leakdrill.seeds import derive
from leakdrill.splits import RECIPIENTS, Deal

REMEMBERED_BYTES = 512 << 20
READ_AHEAD_EXAMPLES = 20_000


@dataclass
class Remembered:
    """An image source that keeps the files it has read, up to REMEMBERED_BYTES: an example may be in two splits
    (members are in the challenge too), and a rendered image costs a hundred times what keeping it does."""

    source: ImageSource
    files: dict[int, bytes] = field(default_factory=dict)
    size_bytes: int = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.source, name)

    def encoded(self, indices: Sequence[int]) -> Iterator[bytes]:
        missing = self.source.encoded([index for index in indices if index not in self.files])
        for index in indices:
            file = self.files.get(index) or next(missing)
            if index not in self.files and self.size_bytes + len(file) <= REMEMBERED_BYTES:
                self.files[index] = file
                self.size_bytes += len(file)
            yield file


def remember(deal: Deal) -> Deal:
    """The same deal, over sources that read every file once.

    A data set of moderate size is read in one go, since a renderer spreads one large request over all cores.
    """
    sources = {id(split.source): Remembered(split.source) for split in deal.splits.values()}
    for key, source in sources.items():
        needed = {int(i) for split in deal.splits.values() if id(split.source) == key for i in split.indices}
        if len(needed) <= READ_AHEAD_EXAMPLES:
            deque(source.encoded(sorted(needed)), maxlen=0)
    splits = {name: replace(split, source=sources[id(split.source)]) for name, split in deal.splits.items()}
    return replace(deal, splits=splits)


def party_configs(
    scenario: Scenario, deal: Deal, addresses: Mapping[str, str], drill_id: str
) -> dict[str, PartyConfig]:
    """What each party is told. The adversary's knowledge is what `adversary.knows` grants, item by item."""
    knows, budget, size = scenario.adversary.knows, scenario.adversary.query_budget, scenario.data.image_size
    oracles = {"cbig/source": addresses["cbig/public"]}
    oracles |= {f"csmall/{name}": addresses["csmall/public"] for name in scenario.csmall.apis}
    return {
        "cbig": CbigConfig(
            drill_id=drill_id,
            seed=derive(scenario.seed, "cbig"),
            num_classes=deal.num_classes,
            image_size=size,
            source_model=scenario.cbig.source_model,
            api=scenario.cbig.api,
            query_budget=budget,
        ),
        "csmall": CsmallConfig(
            drill_id=drill_id,
            seed=derive(scenario.seed, "csmall"),
            num_classes=deal.num_target_classes,
            image_size=size,
            target_model=scenario.csmall.target_model,
            apis=list(scenario.csmall.apis),
            api=scenario.csmall.api,
            query_budget=budget,
            cbig_address=addresses["cbig/private"],
        ),
        "adversary": AdversaryConfig(
            drill_id=drill_id,
            seed=derive(scenario.seed, "adversary"),
            num_classes=deal.num_classes,
            image_size=size,
            splits=splits_of("adversary", scenario, deal),
            oracles=oracles,
            exfiltration_address=addresses["csmall/exfiltration"],
            architecture=scenario.cbig.source_model.arch if knows.architecture else None,
            transfer_method=scenario.csmall.target_model.transfer if knows.transfer_method else None,
            num_workers=scenario.adversary.workers or os.cpu_count() or 1,
        ),
    }


def splits_of(party: str, scenario: Scenario, deal: Deal) -> list[str]:
    """The splits that `party` is dealt in this scenario."""
    knows = scenario.adversary.knows
    withheld = set()
    if party == "adversary":
        withheld |= set() if knows.shadow_examples else {"shadow_train", "shadow_test"}
        withheld |= set() if knows.target_examples else {"target_train"}
    return [name for name in RECIPIENTS[party] if name in deal.splits and name not in withheld]


def hand_out(client: PartyClient, config: PartyConfig, scenario: Scenario, deal: Deal) -> None:
    """Configure a party and send it the splits that are not on its disk yet."""
    held = client.configure(config)
    for name in splits_of(client.name, scenario, deal):
        split = deal.splits[name]
        if held.get(name) != split.digest():
            client.provision(name, split, scenario.data.image_size)
