"""What an adversary can be told of the defences of the model that it attacks: what they are, never their secrets."""

from leakdrill.defences import DefenceSpec
from leakdrill.defences.training import TrainingDefenceSpec
from leakdrill.spec import Spec


class KnownDefences(Spec):
    """As the scenario sets them. Whatever is fitted or drawn, the adversary has to fit or draw for itself."""

    training: tuple[TrainingDefenceSpec, ...] = ()
    prediction: tuple[DefenceSpec, ...] = ()

    @property
    def need_held_out(self) -> bool:
        """Whether any takes examples of its owner's own that the model was not trained on."""
        return bool(self.training) or any(defence.is_fitted for defence in self.prediction)

    @property
    def need_public(self) -> bool:
        return any(defence.needs_public for defence in self.training)
