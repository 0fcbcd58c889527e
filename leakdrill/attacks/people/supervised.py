"""Attacks that learn from people of whom they are told whether they are members (FaceLeaks, sections 4.1 and 5).

That is an adversary stronger than most: the paper's 5-fold cross-validation hands it four fifths of the truth. Here it
is a grant of its own, and folds are of people, so that nobody is on both sides. Folds by image, as in the paper, let a
classifier recognise the person; they are a control, which shows how much of a result that explains.
"""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.base import LABELLED_IDENTITIES, Access, Folding, Goal, View
from leakdrill.attacks.people.face_api import FaceAttack
from leakdrill.seeds import derive

Floats = NDArray[np.float64]
Classifier = Literal["logistic", "forest", "svm", "qda"]

NUM_TREES = 100
_SHRINKAGE = 0.1  # of a covariance towards the identity, where every input has a deviation of about 1
_MAX_SEED = 2**32


class Supervised(FaceAttack):
    """The base of the attacks that train on labelled members; raw outputs, or whatever a subclass makes of them."""

    goal: ClassVar[Goal] = "identity"
    folds: int = Field(
        5, ge=2, le=50, description="each a fresh adversary, told of people who are not in its challenge"
    )
    folds_by: Literal["identity", "image"] = Field(
        "identity", description="image: the paper's, as a control: the adversary is told of other photos of all people"
    )

    @property
    def needs(self) -> frozenset[Access]:
        return super().needs | ({LABELLED_IDENTITIES} if self.folding else set())

    @property
    def folding(self) -> Folding | None:
        return Folding(self.folds, self.folds_by, least_photos=self.least_photos)


def learn(kind: Classifier, inputs: Floats, is_member: NDArray[np.bool_], others: Floats, seed: int) -> Floats:
    """Scores (M,) of `others` (M, F), above 0 for a member, by a classifier of `inputs` (N, F).

    logistic, svm: the signed distance from the plane. forest: the share of trees less one half. qda: log-odds of two
    normal densities, each with a covariance of its own, shrunk by a tenth towards the identity: the paper's 50 inputs
    of some hundred people would not fill it.
    """
    # here and not above: scikit-learn takes a second to import, and every party imports the attacks' specs
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    scaler = StandardScaler().fit(inputs)
    known, asked = scaler.transform(inputs), scaler.transform(others)
    scores: Floats
    match kind:
        case "qda":
            scores = _log_density(known[is_member], asked) - _log_density(known[~is_member], asked)
        case "forest":
            trees = RandomForestClassifier(NUM_TREES, random_state=derive(seed, "forest") % _MAX_SEED)
            scores = trees.fit(known, is_member).predict_proba(asked)[:, 1] - 0.5
        case "logistic":
            scores = LogisticRegression(max_iter=1000).fit(known, is_member).decision_function(asked)
        case "svm":  # the primal problem is strictly convex: nothing in its solution is random
            scores = LinearSVC(dual=False, tol=1e-3).fit(known, is_member).decision_function(asked)
    return scores


def _log_density(own: Floats, asked: Floats) -> Floats:
    """Of the normal distribution of `own` (N, F) at `asked` (M, F), but for a constant."""
    centred = own - own.mean(axis=0)
    covariance = centred.T @ centred / max(1, len(own) - 1)
    covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.eye(covariance.shape[0])
    away = asked - own.mean(axis=0)
    _, log_determinant = np.linalg.slogdet(covariance)
    squares = np.einsum("mf,mf->m", away, np.linalg.solve(covariance, away.T).T)
    density: Floats = -(squares + log_determinant) / 2
    return density


def components(known: Floats, asked: Floats, num: int) -> tuple[Floats, Floats]:
    """Principal components (N, at most `num`) of `known` (N, F), and what `asked` (M, F) are in them."""
    from sklearn.decomposition import PCA

    pca = PCA(min(num, *known.shape), svd_solver="full").fit(known)
    return pca.transform(known), pca.transform(asked)


def told(view: View) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    """Photos of labelled people, who they are, and whether they are members."""
    members, others = view.labelled()
    inputs = np.concatenate([members.inputs, others.inputs])
    names = np.concatenate([members.labels, others.labels + members.labels.max() + 1])
    return inputs, names, np.arange(len(names)) < len(members)
