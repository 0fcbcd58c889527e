"""The contract of every attack that is registered. One without a case here fails the first test."""

from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.attacks import (
    ATTACKS,
    AttributeInference,
    Boundary,
    CarliniWagner,
    ClassBased,
    ClassBasedAux,
    Combined,
    ConfidenceThreshold,
    ConfidenceVector,
    Entropy,
    FirstCut,
    Gap,
    Lira,
    NoiseRobustness,
    Oslo,
    Outlier,
    QuantileRegression,
    RandomAugmentation,
    Rmia,
    Rotation,
    StudentMia,
    TargetModelMia,
    Translation,
    TransMia,
    Yoqo,
)
from leakdrill.attacks.base import Attack
from leakdrill.contract.attack import *  # noqa: F403
from leakdrill.contract.attack import NUM_CHALLENGED, NUM_PAIRS, Case
from leakdrill.models.fit import Fit
from leakdrill.shadows import HeadFit

QUICK = Fit(epochs=8, batch_size=16, learning_rate=0.05)
OVERTRAINED = HeadFit(steps=150, batch_size=16)
#: Shadow models that know their training images by heart, as LiRA and RMIA need them.
BY_HEART = {"fit": Fit(epochs=10, batch_size=16, learning_rate=0.05), "arch": SmallCnn(width=8, num_features=64)}

#: Small versions of every attack, with the queries that each may spend at cbig's and at csmall's public models.
ATTACKS_AND_QUERIES: dict[str, tuple[Attack, int, int]] = {
    "gap": (Gap(), NUM_CHALLENGED, 0),
    "gap_by_label": (Gap(output="label"), NUM_CHALLENGED, 0),
    "entropy": (Entropy(threshold_queries=30), NUM_CHALLENGED + 30, 0),
    "confidence_vector": (ConfidenceVector(fit=QUICK), NUM_CHALLENGED, 0),
    "confidence_leading": (ConfidenceVector(inputs="leading", networks="one", fit=QUICK), NUM_CHALLENGED, 0),
    "max_confidence": (ConfidenceThreshold(fit=QUICK), NUM_CHALLENGED, 0),
    "loss": (ConfidenceThreshold(statistic="loss", fit=QUICK), NUM_CHALLENGED, 0),
    "confidence_entropy": (ConfidenceThreshold(statistic="entropy", fit=QUICK), NUM_CHALLENGED, 0),
    "transmia_baseline": (
        TransMia(shadow="baseline", num_shadows=4, shadow_size=40, fit=QUICK, attack_model="svm"),
        NUM_CHALLENGED,
        0,
    ),
    "transmia_fine_tune": (
        TransMia(shadow="fine_tune", num_shadows=4, shadow_size=40, fit=QUICK, attack_model="entropy"),
        NUM_CHALLENGED,
        0,
    ),
    "transmia_freeze_dnn": (TransMia(num_shadows=20, shadow_size=30, head=OVERTRAINED), NUM_CHALLENGED, 0),
    "transmia_freeze_whole": (
        TransMia(num_shadows=20, shadow_size=30, head=OVERTRAINED, inputs="whole"),
        NUM_CHALLENGED,
        0,
    ),
    "transmia_freeze_auto": (
        TransMia(num_shadows=20, shadow_size=30, attack_model="entropy", tuning_queries=25),
        NUM_CHALLENGED + 25,
        0,
    ),
    "boundary": (Boundary(queries_per_example=40, tuning_examples=10, fit=QUICK), 40 * NUM_CHALLENGED, 0),
    "boundary_linf": (
        Boundary(queries_per_example=30, norm="linf", tuning_examples=5, fit=QUICK),
        30 * NUM_CHALLENGED,
        0,
    ),
    "noise_robustness": (
        NoiseRobustness(queries_per_example=20, sigmas=(0.02, 0.05), tuning_examples=20, fit=QUICK),
        20 * NUM_CHALLENGED,
        0,
    ),
    "rotation": (Rotation(fit=QUICK), 3 * NUM_CHALLENGED, 0),
    "translation": (Translation(pixels=1, fit=QUICK), 5 * NUM_CHALLENGED, 0),
    "translation_threshold": (Translation(pixels=1, attack_model="threshold", fit=QUICK), 5 * NUM_CHALLENGED, 0),
    "translation_one_network": (Translation(pixels=1, networks="one", fit=QUICK), 5 * NUM_CHALLENGED, 0),
    "random_augmentation": (
        RandomAugmentation(queries_per_example=10, shift=1, flip=False, strength="weak", fit=QUICK),
        10 * NUM_CHALLENGED,
        0,
    ),
    "lira": (Lira(num_shadows=4, **BY_HEART), NUM_CHALLENGED, 0),
    "lira_offline": (Lira(mode="offline", num_shadows=4, **BY_HEART), NUM_CHALLENGED, 0),
    "rmia": (Rmia(num_shadows=4, population=30, **BY_HEART), NUM_CHALLENGED + 30, 0),
    "quantile_regression": (
        QuantileRegression(own_queries=100, epochs=3, arch=SmallCnn(width=4, num_features=16)),
        NUM_CHALLENGED + 100,
        0,
    ),
    "rmia_offline": (Rmia(mode="offline", num_shadows=4, population=30, **BY_HEART), NUM_CHALLENGED + 30, 0),
    "combined": (
        Combined(queries_per_example=63, tuning_examples=10, networks="one", fit=QUICK),
        60 * NUM_CHALLENGED,
        0,
    ),
    "combined_threshold": (
        Combined(queries_per_example=60, tuning_examples=10, attack_model="threshold", fit=QUICK),
        60 * NUM_CHALLENGED,
        0,
    ),
    "outlier": (
        Outlier(by=Translation(pixels=1, attack_model="threshold", fit=QUICK), alpha=0.5),
        5 * NUM_CHALLENGED // 2,
        0,
    ),
    "carlini_wagner": (CarliniWagner(iterations=8, steps_of_c=2, tuning_examples=15, **BY_HEART), 0, 0),
    "yoqo": (Yoqo(num_shadows=4, max_steps=4, tuning_examples=10, fit=QUICK), NUM_CHALLENGED, 0),
    "yoqo_offline": (
        Yoqo(mode="offline", num_shadows=4, max_steps=4, tuning_examples=10, fit=QUICK),
        NUM_CHALLENGED,
        0,
    ),
    "oslo": (
        Oslo(num_shadows=6, max_perturbation=4, iterations=1, tuning_examples=10, fit=QUICK),
        NUM_CHALLENGED,
        0,
    ),
    "oslo_thresholds": (
        Oslo(num_shadows=6, thresholds=(0.5, 0.2), max_perturbation=4, iterations=1, tuning_examples=10, fit=QUICK),
        2 * NUM_CHALLENGED,
        0,
    ),
    "class_based": (ClassBased(), 0, NUM_CHALLENGED),
    "class_based_euclidean": (ClassBased(p=2, off_diagonal=0), 0, NUM_CHALLENGED),
    "class_based_mixture": (ClassBased(measure="mixture"), 0, NUM_CHALLENGED),
    "class_based_recognition": (ClassBased(api="recognition"), 0, NUM_CHALLENGED),
    "class_based_recognition_mixture": (ClassBased(api="recognition", measure="mixture"), 0, NUM_CHALLENGED),
    "class_based_verification": (ClassBased(api="verification"), 0, NUM_PAIRS),
    "class_based_verification_mixture": (ClassBased(api="verification", measure="mixture"), 0, NUM_PAIRS),
    "class_based_aux": (ClassBasedAux(num_components=5), 0, 2 * NUM_CHALLENGED),
    "class_based_aux_recognition": (ClassBasedAux(api="recognition"), 0, 2 * NUM_CHALLENGED),
    "class_based_aux_verification": (ClassBasedAux(api="verification"), 0, 2 * NUM_PAIRS),
    "first_cut": (FirstCut(), 0, 2 * NUM_CHALLENGED),
    "first_cut_forest": (FirstCut(api="recognition", classifier="forest"), 0, 2 * NUM_CHALLENGED),
    "first_cut_svm": (FirstCut(classifier="svm", num_components=5), 0, 2 * NUM_CHALLENGED),
    "first_cut_verification": (FirstCut(api="verification"), 0, NUM_CHALLENGED),
    "attribute_features": (AttributeInference(), 0, NUM_CHALLENGED + 200),
    "attribute_recognition": (AttributeInference(api="recognition", num_scores=4), 0, NUM_CHALLENGED + 200),
    "attribute_verification": (AttributeInference(api="verification"), 0, 10 * (NUM_CHALLENGED + 200)),
    "target_model_mia": (
        TargetModelMia(num_shadows=4, shadow_size=40, fit=QUICK, target_fit=QUICK),
        0,
        NUM_CHALLENGED,
    ),
    "student_mia": (
        StudentMia(num_shadows=4, shadow_size=30, fit=QUICK, method="fine_tune"),
        0,
        NUM_CHALLENGED,
    ),
    "student_mia_own_teacher": (
        StudentMia(num_shadows=4, shadow_size=30, fit=QUICK, teacher_fit=QUICK, teacher="own", method="fine_tune"),
        0,
        NUM_CHALLENGED,
    ),
}
#: Attacks that learn nothing even from a memoriser, which is what their paper says of them.
POWERLESS = {"target_model_mia", "first_cut", "first_cut_forest", "first_cut_svm"}
#: A case of each attack that would take a label of no class for a mistake of the model.
REFUSES_LABELS = {
    "boundary", "carlini_wagner", "combined", "gap", "gap_by_label", "lira", "loss", "noise_robustness", "oslo",
    "outlier", "quantile_regression", "random_augmentation", "rmia", "rotation", "student_mia", "translation", "yoqo",
}  # fmt: skip

CASES = {
    name: Case(
        attack,
        queries=(of_source, of_target),
        finds_members=name not in POWERLESS,
        refuses_labels=name in REFUSES_LABELS,
    )
    for name, (attack, of_source, of_target) in ATTACKS_AND_QUERIES.items()
}


def test_every_registered_attack_has_a_case_here() -> None:
    assert {case.attack.kind for case in CASES.values()} == set(ATTACKS)
