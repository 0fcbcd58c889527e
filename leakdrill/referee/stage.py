"""The stage of a drill: the parties, told and dealt their parts, and what the referee holds of it.

It is set once; what is played on it, step by step, is leakdrill/referee/drill.py.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from leakdrill.attacks.external import External
from leakdrill.data.pictures import num_enlarged
from leakdrill.data.splits import Deal, deal
from leakdrill.errors import LeakdrillError, PartyUnavailable, ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.training import Progress
from leakdrill.referee.allowance import check_allowance
from leakdrill.referee.auditing import collect_audits
from leakdrill.referee.clients import AdversaryClient, CbigClient, CsmallClient, PartyClient
from leakdrill.referee.console import Observer
from leakdrill.referee.dealing import (
    check_budget,
    check_folds,
    check_pools,
    check_top_k,
    dealt,
    hand_out,
    party_configs,
)
from leakdrill.referee.in_folds import AdversarySeat
from leakdrill.referee.journal import Journal
from leakdrill.referee.judge import Judge
from leakdrill.referee.local import LocalParties
from leakdrill.referee.overlap import check_people
from leakdrill.referee.remote_parties import Parties, seated
from leakdrill.referee.truth import Truth
from leakdrill.referee.verifying import of_strangers
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep

LEAVING_SECONDS = 5  # a party that dies closes its connections a moment before it is gone


@dataclass
class Stage:
    scenario: Scenario
    split_key: str
    run_dir: Path
    journal: Journal
    observer: Observer
    parties: Parties
    cards: Deal
    cbig: CbigClient
    csmall: CsmallClient
    adversary: AdversaryClient
    judge: Judge
    seat: AdversarySeat
    leaked: Artefact | None = None  # what people who play the adversary had copied when a revoke came

    @property
    def clients(self) -> tuple[PartyClient, PartyClient, PartyClient]:
        return self.cbig, self.csmall, self.adversary

    def queries(self) -> dict[str, int]:
        """Examples that the adversary has asked about, by model, as its owner counts them."""
        return self.cbig.queries("adversary") | self.csmall.queries("adversary")

    def progress(self, party: str) -> Progress:
        return lambda fraction, message: self.observer.progress(party, fraction, message)

    def collect_audits(self) -> None:
        collect_audits(self.clients, self.run_dir, self.journal)

    def diagnosis(self, error: LeakdrillError) -> str:
        """The error, or why a party is gone if that is behind it; what a party kept to itself is in its log."""
        if not isinstance(error, PartyUnavailable):
            return self._cause() or str(error)
        deadline = time.monotonic() + LEAVING_SECONDS
        while (cause := self._cause()) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return cause or f"{error}; see {self.parties.logs}"

    def _cause(self) -> str | None:
        try:
            self.parties.check()
        except LeakdrillError as cause:
            return str(cause)
        return None


def check_deal(scenario: Scenario, split_key: str) -> None:
    """Raises ScenarioError for data that cannot be dealt so, or that an attack of the timeline cannot do with."""
    cards = deal(scenario.data, split_key)
    if pairs := scenario.data.verification_pairs:
        of_strangers(pairs.open(), cards)
    num_enlarged(cards)  # what is far too small is refused
    check_people(cards)
    check_pools(scenario, cards)
    check_budget(scenario, cards)
    check_folds(scenario, cards, split_key)
    check_allowance(scenario, cards, split_key)
    check_top_k(scenario, cards)


def playable_by_hand(parties: Parties) -> LocalParties:
    """The parties, if people can play the adversary there. Raises ScenarioError for those that run elsewhere."""
    if not isinstance(parties, LocalParties):
        raise ScenarioError(
            "an attack {kind: external} is played with the adversary's key, which is on another machine or volume "
            "here: play it by leakdrill run, with local parties"
        )
    return parties


def set_stage(
    resources: ExitStack,
    scenario: Scenario,
    split_key: str,
    run_dir: Path,
    journal: Journal,
    observer: Observer,
    given: Parties | None,
) -> Stage:
    """Start the parties (or take those given) while the data is read; connect, configure, and deal.

    What has to be undone is left to `resources`.
    """
    with ThreadPoolExecutor(1) as background:
        starting = background.submit(lambda: resources.enter_context(seated(run_dir, given)))
        cards = dealt(scenario.data.model_dump_json(), split_key)
        parties = starting.result()
    if any(isinstance(step, AttackStep) and isinstance(step.attack, External) for step in scenario.timeline):
        playable_by_hand(parties)
    addresses, credentials = parties.addresses, parties.credentials
    cbig = CbigClient("cbig", addresses["cbig/private"], credentials)
    csmall = CsmallClient("csmall", addresses["csmall/private"], credentials)
    adversary = AdversaryClient("adversary", addresses["adversary/private"], credentials)
    configs = party_configs(scenario, cards, addresses, journal.drill_id(), split_key, journal.spent_before())
    # The adversary first: files read for cbig before would be in memory, and arrive faster, members before others.
    for client in (adversary, csmall, cbig):
        resources.callback(client.close)
        hand_out(client, configs[client.name], scenario, cards)
    truth = Truth(cards.is_member, cards.splits["challenge"].labels)
    truth.save(run_dir / "truth")
    judge = Judge(scenario, truth, cards)
    seat = AdversarySeat.of(adversary, (cbig, csmall), configs["adversary"], cards)
    journal.append("dealt", splits={name: len(split.labels) for name, split in cards.splits.items()})
    return Stage(scenario, split_key, run_dir, journal, observer, parties, cards, cbig, csmall, adversary, judge, seat)
