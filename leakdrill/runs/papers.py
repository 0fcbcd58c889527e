"""Which papers stand behind each attack, defence and data set: keys of papers.bib, by the kind that a scenario names.

Nothing stands behind data of the user's own, and behind what leakdrill draws itself. A new kind has a line here.
"""

import re
from pathlib import Path

_BIBLIOGRAPHY = Path(__file__).with_name("papers.bib")

_LABEL_ONLY = ("choquettechoo2021",)
_FACELEAKS = ("liew2020",)

ATTACKS: dict[str, tuple[str, ...]] = {
    "attribute_inference": _FACELEAKS,
    "boundary": (*_LABEL_ONLY, "chen2020"),
    "carlini_wagner": (*_LABEL_ONLY, "carlini2017"),
    "class_based": _FACELEAKS,
    "class_based_aux": _FACELEAKS,
    "combined": (*_LABEL_ONLY, "chen2020"),
    "confidence_threshold": ("salem2019", "yeom2018", "choquettechoo2021"),
    "confidence_vector": ("shokri2017", "choquettechoo2021"),
    "entropy": ("song2021", "hidano2021"),
    "first_cut": _FACELEAKS,
    "gap": ("yeom2018",),
    "lira": ("carlini2022",),
    "noise_robustness": _LABEL_ONLY,
    "oslo": ("peng2024",),
    "outlier": _LABEL_ONLY,
    "quantile_regression": ("bertran2023",),
    "random_augmentation": (*_LABEL_ONLY, "sohn2020", "devries2017"),
    "rmia": ("zarifzadeh2024",),
    "rotation": _LABEL_ONLY,
    "student_mia": ("zou2020", "hidano2021"),
    "target_model_mia": ("hidano2021",),
    "translation": _LABEL_ONLY,
    "transmia": ("hidano2021", "shokri2017"),
    "yoqo": ("wu2024",),
}

DEFENCES: dict[str, tuple[str, ...]] = {
    # at prediction time
    "memguard": ("jia2019",),
    "memguard_strongest": ("jia2019", "choquettechoo2021"),
    "output_noise": _FACELEAKS,
    "purification": ("yang2020",),
    "rounding": ("shokri2017",),
    "temperature": ("shokri2017",),
    "top_k": ("shokri2017",),
    # at training time
    "adversarial_regularisation": ("nasr2018",),
    "augmentation": _LABEL_ONLY,
    "dp_sgd": ("abadi2016", "yousefpour2021"),
    "dropout": ("srivastava2014",),
    "early_stopping": ("prechelt1998", "song2021"),
    "l1": _LABEL_ONLY,
    "l2": _LABEL_ONLY,
    "label_smoothing": ("szegedy2016",),
    "transfer": _LABEL_ONLY,
    # at release time
    "distillation": ("romero2015", "shejwalkar2021"),
    "pruning": ("han2015",),
    "quantisation": ("jacob2018",),
    "reinitialised_blocks": ("yosinski2014",),
    "weight_noise": ("hidano2021",),
}

DATASETS: dict[str, tuple[str, ...]] = {
    "adult": ("becker1996",),
    "csv": (),
    "digits": ("alpaydin1998",),
    "image_folder": (),
    "lfw": ("huang2007", "huang2012"),
    "location": ("shokri2017",),
    "members": (),
    "purchase": ("shokri2017",),
    "synthfaces": (),
    "synthtable": (),
    "texas": ("shokri2017",),
}


def bibliography() -> dict[str, str]:
    """Every entry of papers.bib by its key."""
    entries = re.split(r"\n(?=@)", _BIBLIOGRAPHY.read_text(encoding="utf-8"))
    return {entry[entry.index("{") + 1 : entry.index(",")]: entry.strip() for entry in entries}
