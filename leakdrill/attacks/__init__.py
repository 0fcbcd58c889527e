"""Attacks: one module each. A new one is a new file here and its name in `_Attack`; or anywhere (leakdrill.plugins)."""

from typing import Annotated, get_args

from pydantic import Field

from leakdrill.attacks import base
from leakdrill.attacks.attribute_inference import AttributeInference
from leakdrill.attacks.augmentation import Rotation, Translation
from leakdrill.attacks.boundary import Boundary
from leakdrill.attacks.carlini_wagner import CarliniWagner
from leakdrill.attacks.class_based import ClassBased
from leakdrill.attacks.class_based_aux import ClassBasedAux
from leakdrill.attacks.combined import Combined
from leakdrill.attacks.confidence_threshold import ConfidenceThreshold
from leakdrill.attacks.confidence_vector import ConfidenceVector
from leakdrill.attacks.entropy import Entropy
from leakdrill.attacks.external import External
from leakdrill.attacks.first_cut import FirstCut
from leakdrill.attacks.gap import Gap
from leakdrill.attacks.lira import Lira
from leakdrill.attacks.noise_robustness import NoiseRobustness
from leakdrill.attacks.oslo import Oslo
from leakdrill.attacks.outlier import Outlier
from leakdrill.attacks.quantile_regression import QuantileRegression
from leakdrill.attacks.random_augmentation import RandomAugmentation
from leakdrill.attacks.rmia import Rmia
from leakdrill.attacks.student_mia import StudentMia
from leakdrill.attacks.target_model_mia import TargetModelMia
from leakdrill.attacks.transmia import TransMia
from leakdrill.attacks.yoqo import Yoqo
from leakdrill.plugins import Kinds

_Attack = (
    TransMia
    | TargetModelMia
    | StudentMia
    | Gap
    | Entropy
    | Boundary
    | NoiseRobustness
    | Rotation
    | Translation
    | RandomAugmentation
    | Combined
    | Outlier
    | CarliniWagner
    | ClassBased
    | ClassBasedAux
    | FirstCut
    | AttributeInference
    | ConfidenceVector
    | ConfidenceThreshold
    | Lira
    | Rmia
    | QuantileRegression
    | Yoqo
    | Oslo
)

ATTACKS: dict[str, type[_Attack]] = {attack.model_fields["kind"].default: attack for attack in get_args(_Attack)}
#: `external` is no attack that a grid of all could play, or a contract could try: a person plays it.
ATTACK_KINDS = Kinds("attack", "leakdrill.attacks", base.Attack, ATTACKS | {"external": External})

AttackSpec = Annotated[_Attack | External, Field(discriminator="kind"), ATTACK_KINDS]
