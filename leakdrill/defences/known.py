"""What an adversary can be told of the defences of the model that it attacks: what they are, never their secrets."""

from leakdrill.defences import DefenceSpec
from leakdrill.spec import Spec


class KnownDefences(Spec):
    """As the scenario sets them. Whatever is fitted or drawn, the adversary has to fit or draw for itself."""

    prediction: tuple[DefenceSpec, ...] = ()
