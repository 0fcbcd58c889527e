"""Psi_aux: who is who in the challenge, by an auxiliary face model of the adversary's own (FaceLeaks, section 4.2).

The paper assumes it away: its adversary knows who is on each photo. Here the model is trained on public faces, as the
paper suggests: of people who are neither cbig's nor csmall's, nor in the challenge. Its embeddings of the challenge are
clustered. Whoever it takes for somebody else makes a person's photos look more scattered than they are; how often that
happens is only for the referee to say.
"""

import numpy as np
from numpy.typing import NDArray

from leakdrill.archs import ArchSpec, cut
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.attacks.base import View
from leakdrill.errors import ScenarioError
from leakdrill.models.embedding import embed
from leakdrill.models.fit import Fit
from leakdrill.seeds import derive
from leakdrill.shadows import FromScratch

AUXILIARY_ARCH = SmallCnn()  # what somebody takes who knows nothing of cbig's


def clustered_labels(view: View, fit: Fit, arch: ArchSpec = AUXILIARY_ARCH) -> NDArray[np.int64]:
    """A cluster's number (N,) for each photo of the challenge, as many clusters as there are people in it.

    That number is the only thing taken from the true labels: whoever collects photos of people has an idea of how many
    they are. Raises ScenarioError without faces to train the auxiliary model on.
    """
    from sklearn.cluster import AgglomerativeClustering  # takes a second, and every party imports the attacks' specs

    if view.auxiliary_faces is None:
        raise ScenarioError("an auxiliary face model needs faces to learn from: grant adversary.knows.auxiliary_faces")
    own = view.auxiliary_faces
    model = FromScratch(arch, int(own.labels.max()) + 1, fit).make(own, derive(view.seed, "auxiliary face model"))
    embeddings = embed(cut(model)[0], view.challenge.inputs)
    num_people = len(np.unique(view.challenge.labels))
    found: NDArray[np.int64] = AgglomerativeClustering(num_people, linkage="average").fit_predict(embeddings)
    return found.astype(np.int64)
