"""The adversary's seat in turns: each fold of an attack is played by one that knows nothing of the others.

It is a fresh process with an empty disk (leakdrill/parties/succession.py, which says what that does not stop), a seed
of its own, and an allowance of its own from those whose APIs it asks: the whole of adversary.query_budget, in every
fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from leakdrill.attacks.base import Attack, Verdict
from leakdrill.data.splits import Deal, Split
from leakdrill.defences.known import KnownDefences
from leakdrill.models.training import Progress
from leakdrill.parties.config import AdversaryConfig, PartyConfig
from leakdrill.pb.party_pb2 import DRILL_STATE_OPEN
from leakdrill.referee.clients import AdversaryClient, PartyClient
from leakdrill.referee.dealing import give
from leakdrill.referee.folds import Fold, pooled
from leakdrill.seeds import derive


@dataclass
class AdversarySeat:
    """The drill's adversary, with what it was told and dealt at the start."""

    client: AdversaryClient
    owners: Sequence[PartyClient]  # of public APIs
    config: AdversaryConfig
    splits: Mapping[str, Split]

    @classmethod
    def of(cls, client: AdversaryClient, owners: Sequence[PartyClient], config: PartyConfig, cards: Deal) -> Self:
        assert isinstance(config, AdversaryConfig)
        return cls(client, owners, config, {name: cards.splits[name] for name in config.splits})

    def learn(self, defences: KnownDefences) -> None:
        """Those of the model under attack are others now: the adversary who sits there is told, and whoever follows."""
        self.client.learn(defences)
        self.config = self.config.model_copy(update={"defences": defences})

    def play(
        self, attack: Attack, repeat: int, folds: Sequence[Fold], is_breached: bool, progress: Progress
    ) -> tuple[Verdict, float]:
        """The pooled verdict and the adversaries' seconds. The drill's own adversary sits there again afterwards."""
        said, seconds = [], 0.0
        try:
            for number, fold in enumerate(folds):
                self._allot(f"{attack.name}/{repeat}/{number}")
                self._seat(self._fresh(number, fold), is_breached)
                verdict, took = self.client.attack(attack, repeat, len(fold.positions), _part(progress, number, folds))
                said.append(verdict)
                seconds += took
        finally:
            self._allot("")
            self._seat((self.config, self.splits), is_breached)
        return pooled(said, folds, len(self.splits["challenge"])), seconds

    def _fresh(self, number: int, fold: Fold) -> tuple[AdversaryConfig, Mapping[str, Split]]:
        splits = {**self.splits, **fold.splits}
        seed = derive(self.config.seed, "fold", str(number))
        told = {"splits": list(splits), "seed": seed, "fold": f"fold {number}"}
        return self.config.model_copy(update=told), splits

    def _seat(self, who: tuple[AdversaryConfig, Mapping[str, Split]], is_breached: bool) -> None:
        config, splits = who
        give(self.client, config, splits)
        self.client.transition(DRILL_STATE_OPEN)
        if is_breached:
            self.client.loot()

    def _allot(self, allowance: str) -> None:
        for owner in self.owners:
            owner.allot(allowance)


def _part(progress: Progress, number: int, folds: Sequence[Fold]) -> Progress:
    return lambda fraction, message: progress(
        (number + fraction) / len(folds), f"fold {number + 1} of {len(folds)}: {message}"
    )
