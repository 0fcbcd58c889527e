"""Weight noise: Gaussian, on every kernel of g_s."""

from typing import Literal

from pydantic import Field

from leakdrill.defences.release.base import ReleaseDefence, Releaser, with_kernels
from leakdrill.models.artefact import Artefact
from leakdrill.models.coarse import noisier


class WeightNoise(ReleaseDefence):
    """Gaussian noise on the weights, drawn once, before g_s leaves (TransMIA, section 5.5: "obfuscate the parameters").

    It is measured in standard deviations of each kernel. Nobody is promised anything: this is no differential privacy,
    since what one photo can change in the weights is not bounded.
    """

    kind: Literal["weight_noise"] = "weight_noise"
    deviations: float = Field(
        0.3, ge=0, le=100, description="of the noise, in standard deviations of each kernel; 0 is no defence"
    )

    def obfuscated(self, artefact: Artefact, releaser: Releaser) -> Artefact:
        if self.deviations == 0:
            return artefact
        return with_kernels(artefact, lambda name, tensor: noisier(tensor, self.deviations, releaser.seed, name))
