"""Shadow models that were each trained on one half of what the adversary holds, shared by the attacks that use them.

Online, the adversary adds the challenge's own examples to those it trains its shadows on, so each of them is in half of
the shadows and out of the others. Offline, the shadows can be ready before the challenge is known: they have seen none
of it.
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.archs import ArchSpec
from leakdrill.attacks.base import ARCHITECTURE, EITHER, SHADOW_EXAMPLES, Access, Victim, View
from leakdrill.attacks.checks import check_labels
from leakdrill.attacks.tuning.defended import OnShadows
from leakdrill.attacks.tuning.recipe import shadow_recipe
from leakdrill.data.digests import digests_of
from leakdrill.data.examples import joined
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.seeds import derive
from leakdrill.shadows import ShadowPool, random_halves


class HalvesTrained(OnShadows):
    """The base of LiRA, RMIA, YOQO and OSLO.

    A shadow is trained on a half of shadow_train (offline), or of shadow_train and the challenge (online). For shadows
    of the victim's size, splits.shadow_train is twice its training set, online less the challenge. Nobody tells the
    adversary that size, so there is no check: `shadow_size` in the notes is what it came to.

    On csmall's own data, shadows start from what has leaked, as csmall's model did (see `shadow_recipe`).
    """

    victims: ClassVar[frozenset[Victim]] = EITHER

    mode: Literal["online", "offline"] = Field("online", description="whether shadows are trained on the challenge too")
    num_shadows: int = Field(16, ge=4, le=1024, multiple_of=2, description="in pairs, each of two opposite halves")
    tuning_examples: int = Field(1000, ge=2, description="of shadow_train, on which shadows are attacked to tune on")
    fit: Fit = Field(Fit(), description="of the shadow models")
    arch: ArchSpec | None = Field(None, description="what the adversary assumes if it does not know the architecture")

    @property
    def needs(self) -> frozenset[Access]:
        return super().needs | {SHADOW_EXAMPLES} | (set() if self.arch else {ARCHITECTURE})

    def training_passes(self, num_source_examples: int) -> int:
        """As if the shadows were of the source model's size."""
        return self.num_shadows * num_source_examples * self.fit.passes

    def plan(self, view: View) -> tuple[ShadowPool, int]:
        """Which shadow is trained on what, and how many of the examples are the adversary's own: they come first.

        The same for all attacks of a repeat, so that what one has trained the next one finds. Raises ScenarioError.
        """
        check_labels(view)
        train, _ = view.shadow_pools()
        recipe = shadow_recipe(view, self.fit, self.arch, self.name, self.shadow_defences(view).training)
        if view.num_classes < 2:
            raise ScenarioError(f"{self.name}: a task of {view.num_classes} class has no wrong labels to compare with")
        examples = joined(train, view.challenge) if self.mode == "online" else train
        digests, seed = digests_of(examples), derive(view.shadow_seed, self.mode)
        num_distinct = len(np.unique(digests[: len(train)]))
        if num_distinct < 4:
            raise ScenarioError(
                f"{self.name}: halves of {num_distinct} different shadow_train examples are too few to train shadows "
                "on, wanted 4 at least, and better twice the victim's training set: raise data.splits.shadow_train"
            )
        is_in = random_halves(digests, self.num_shadows // 2, seed)
        return ShadowPool(recipe, examples, digests, is_in, seed), len(train)


def shadow_size(pool: ShadowPool) -> int:
    """How many examples a shadow is trained on; where some are equal, not all shadows have as many."""
    return round(float(pool.is_in.sum(axis=1).mean()))
