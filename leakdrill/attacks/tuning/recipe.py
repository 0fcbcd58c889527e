"""How the adversary makes a shadow model, by what it knows of how the model under attack was made."""

from leakdrill.archs import ArchSpec
from leakdrill.attacks.base import View
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.shadows import FromScratch, TrainedWith, Transferred

UNDEFENDED = TrainedWith()


def shadow_recipe(
    view: View, fit: Fit, arch: ArchSpec | None, name: str, trained_with: TrainedWith = UNDEFENDED
) -> FromScratch | Transferred:
    """As csmall made its model, where that is attacked, g_s has leaked and the transfer is known (appendix F).

    Otherwise from scratch, with the defences that the owner of the model under attack took. `arch` is what the attack
    called `name` assumes, before what the adversary knows. Raises ScenarioError for want of an architecture, or if what
    leaked is no part of it.
    """
    assumed = arch or view.architecture
    if view.victim_name == "csmall/recognition" and view.leaked and view.transfer_method:
        teacher = view.leaked.feature_extractor()
        return Transferred.of(teacher, assumed, view.num_classes, fit, view.transfer_method)
    if assumed is None:
        raise ScenarioError(
            f"{name}: grant adversary.knows.architecture, or set the attack's arch, for its shadow models"
        )
    return FromScratch(assumed, view.num_classes, fit, trained_with)
