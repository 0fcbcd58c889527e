"""What the adversary does, in the words of MITRE ATLAS, the catalogue of attacks on AI systems (version 5.6.0).

Identifiers and names are those of its techniques; https://atlas.mitre.org has what they mean.
"""

from dataclasses import dataclass
from typing import Any

SITE = "https://atlas.mitre.org/techniques/"


@dataclass(frozen=True)
class Technique:
    id: str
    name: str

    @property
    def url(self) -> str:
        return f"{SITE}{self.id}"


PROXY = Technique("AML.T0005", "Create Proxy AI Model")
PROXY_FROM_ARTEFACTS = Technique("AML.T0005.000", "Train Proxy via Gathered AI Artifacts")
EXFILTRATION_BY_API = Technique("AML.T0024", "Exfiltration via AI Inference API")
MEMBERSHIP = Technique("AML.T0024.000", "Infer Training Data Membership")
CYBER_EXFILTRATION = Technique("AML.T0025", "Exfiltration via Cyber Means")
ARTEFACT_COLLECTION = Technique("AML.T0035", "AI Artifact Collection")
INFERENCE_API = Technique("AML.T0040", "AI Model Inference API Access")
WHITE_BOX_SEARCH = Technique("AML.T0043.000", "White-Box Optimization")
BLACK_BOX_SEARCH = Technique("AML.T0043.001", "Black-Box Optimization")
BLACK_BOX_TRANSFER = Technique("AML.T0043.002", "Black-Box Transfer")
FULL_MODEL = Technique("AML.T0044", "Full AI Model Access")

#: How attacks make what they ask: those that search for the smallest change of an input that changes the answer, or
#: can, and those that craft it on models of their own.
_CRAFTED = {
    "boundary": BLACK_BOX_SEARCH,
    "combined": BLACK_BOX_SEARCH,
    "outlier": BLACK_BOX_SEARCH,
    "oslo": BLACK_BOX_TRANSFER,
    "yoqo": BLACK_BOX_TRANSFER,
}


def of_queries(attacks: list[dict[str, Any]]) -> list[Technique]:
    """What asking a public API is; `attacks` are those of the timeline."""
    crafted = (_CRAFTED[kind] for attack in attacks if (kind := attack.get("kind")) in _CRAFTED)
    return [INFERENCE_API, *dict.fromkeys(crafted)]


def of_breach(artefact: str) -> list[Technique]:
    """What taking a leaked artefact is; of g_s alone it is no full access to the model."""
    return [ARTEFACT_COLLECTION, CYBER_EXFILTRATION, *([FULL_MODEL] if artefact == "source_model" else [])]


def of_shadows(attacks: list[dict[str, Any]], is_breached: bool) -> list[Technique]:
    """What training shadow models is: with a leaked part in them, or on the adversary's own data alone."""
    if not any("num_shadows" in attack for attack in attacks):
        return []
    return [PROXY_FROM_ARTEFACTS] if is_breached else [PROXY]


def of_gradients(attacks: list[dict[str, Any]]) -> list[Technique]:
    """What searching on the leaked model itself is: it is asked of nobody's API."""
    return [WHITE_BOX_SEARCH] if any(attack.get("kind") == "carlini_wagner" for attack in attacks) else []


def of_goals(goals: set[str]) -> list[Technique]:
    """What is found out in the end: who was trained on, or something else about people."""
    found = [MEMBERSHIP] if goals & {"membership", "identity"} else []
    return [*found, *([EXFILTRATION_BY_API] if "attribute" in goals else [])]
