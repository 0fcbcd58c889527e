"""A small scenario as a person would write it, for the tests of whatever reads scenarios."""

from typing import Any

import yaml

TEXT = """
question: Does it leak?
seed: 7
data:
  set: digits
  image_size: 8
  splits: {source_train: 20, source_test: 20, source_validation: 5, shadow_train: 20, shadow_test: 20}
  target: {classes: 4, train: 5, test: 5}
cbig:
  source_model:
    arch: {kind: small_cnn, width: 8}
timeline:
  - train_source
  - release
  - adapt
  - attack: {name: before, kind: transmia, shadow: baseline, num_shadows: 2, shadow_size: 40}
  - breach: {artefact: feature_extractor, fidelity: full}
  - attack: {name: after, kind: transmia, shadow: freeze}
  - attack: {kind: gap}
expect:
  - {claim: the leak strengthens the attack, that: after.auc > before.auc}
grid:
  after.shadow_size: [10, 20]
  breach.fidelity.bits: [8, 16]
smoke:
  seed: 3
  attacks.num_shadows: 1
  data.splits: {source_train: 2, source_test: 2, source_validation: 2, shadow_train: 2, shadow_test: 2}
"""


def written() -> dict[str, Any]:
    """The mapping of TEXT, which the caller may change."""
    mapping: dict[str, Any] = yaml.safe_load(TEXT)
    return mapping
