"""What attacks with shadow models have in common that expect a defence: their shadow models run it, too."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.base import DEFENCES, Access, Attack, View
from leakdrill.defences.base import Stage
from leakdrill.defences.known import KnownDefences
from leakdrill.seeds import numpy_generator
from leakdrill.shadows import Beside, TrainedWith
from leakdrill.shadows.guarding import num_held_out
from leakdrill.spec import Spec


@dataclass(frozen=True)
class ShadowDefences:
    """What shadow models run, and the rows of shadow_test set apart for that: no attack is tuned on these."""

    known: KnownDefences
    apart: NDArray[np.int64]
    held_out: Beside  # those rows
    public: Beside | None

    @property
    def training(self) -> TrainedWith:
        known = self.known.training
        return TrainedWith(known, self.held_out, self.public) if known else TrainedWith()


class OnShadows(Attack):
    """The base of attacks that are tuned on shadow models."""

    defended_shadows: bool = Field(
        False, description="shadow models run the defences of the model under attack, which the adversary must know"
    )

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset({DEFENCES} if self.defended_shadows else ())

    def adapts_to(self, defence: Spec, stage: Stage) -> bool:
        return (self.defended_shadows and stage != "release") or super().adapts_to(defence, stage)

    def shadow_defences(self, view: View) -> ShadowDefences:
        """Those that its shadow models run. Raises ScenarioError where they are to, and were not granted."""
        known = view.known_defences() if self.defended_shadows else KnownDefences()
        if self.reads_labels_alone and all(defence.keeps_argmax for defence in known.prediction):
            known = known.model_copy(update={"prediction": ()})  # fitting them would change nothing that it reads
        _, test = view.shadow_pools()
        num_apart = num_held_out(len(test)) if known.need_held_out else 0
        apart = numpy_generator(view.shadow_seed, "held out").permutation(len(test))[:num_apart]
        public = Beside.of(view.public) if view.public is not None and known.need_public else None
        return ShadowDefences(known, apart, Beside.of(test.take(apart)), public)
