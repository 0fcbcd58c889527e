"""A linear support vector machine per group (TransMIA, section 5.3: "a linear model such as an SVM").

The paper gives no further setting: inputs are standardised and C is 1, scikit-learn's default.
"""

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.attack_models.groups import Grouped, Judge, Judgement


def fit_svm(records: Grouped, seed: int = 0) -> Judge:
    """Judges by the signed distance from the separating plane, times the norm of its normal."""
    # here and not above: scikit-learn takes a second to import, and every party imports the attacks' specs
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    machines = []
    for group in range(records.num_groups):
        own = records.groups == group
        # the primal problem is strictly convex, so nothing in its solution is random; judgements settle long before
        # the last digits of the weights do
        machine = make_pipeline(StandardScaler(), LinearSVC(dual=False, class_weight="balanced", tol=1e-2))
        machines.append(machine.fit(records.inputs[own], records.is_member[own]))

    def judge(inputs: NDArray[np.float64], groups: NDArray[np.int64]) -> Judgement:
        scores = np.empty(len(inputs))
        for group in np.unique(groups):
            own = groups == group
            scores[own] = machines[group].decision_function(inputs[own])
        return scores, scores > 0

    return judge
