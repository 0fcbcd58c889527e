"""Shadow training: models of the adversary's own that imitate the source model (TransMIA, section 4.2).

draws.py     which examples each shadow is trained and tested on, and the attack training set that results
heads.py     linear heads on fixed features, many at a time
frozen.py    those heads, and how long to train them, judged on shadow data alone
recipes.py   how one shadow network is made: from scratch, transferred, through csmall's target task
beside.py    examples that some of these take beside the training set
networks.py  shadow networks trained in parallel processes, each for one attack
pool.py      shadow models that all attacks of a drill share, kept on disk
workers.py   those processes
"""

from leakdrill.shadows.beside import Beside
from leakdrill.shadows.draws import Draws, Records, draw_shadow_sets
from leakdrill.shadows.frozen import FrozenShadows, train_frozen_shadows, true_confidences
from leakdrill.shadows.heads import HeadFit, Heads, heads_at_once, shuffled_batches, train_heads
from leakdrill.shadows.networks import Shadows, Shown, train_shadow_networks
from leakdrill.shadows.pool import ShadowPool, random_halves, shadow_models
from leakdrill.shadows.recipes import FromScratch, Recipe, ThroughTarget, TrainedWith, Transferred, num_fresh_blocks

__all__ = [
    "Beside",
    "Draws",
    "FromScratch",
    "FrozenShadows",
    "HeadFit",
    "Heads",
    "Recipe",
    "Records",
    "ShadowPool",
    "Shadows",
    "Shown",
    "ThroughTarget",
    "TrainedWith",
    "Transferred",
    "draw_shadow_sets",
    "heads_at_once",
    "num_fresh_blocks",
    "random_halves",
    "shadow_models",
    "shuffled_batches",
    "train_frozen_shadows",
    "train_heads",
    "train_shadow_networks",
    "true_confidences",
]
