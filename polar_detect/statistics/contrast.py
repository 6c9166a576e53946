"""What tells strangers from normal texts, as one weighted sum."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import LogisticRegression

_MAX_ITERATIONS = 1000

Rows: TypeAlias = NDArray[np.floating] | csr_matrix


def contrast(normal: Rows, strange: Rows, *, strength: float) -> NDArray[np.floating]:
    """Return the weights of a logistic regression in which both sides weigh the same.

    Parameters
    ----------
    normal, strange : (n_texts, n_features) float, both sparse or neither
    strength : float
        Inverse regularisation.

    Returns
    -------
    (n_features,) float, as precise as the rows
        By which the log-odds of being strange grow; without the intercept.
    """
    stack = vstack if isinstance(normal, csr_matrix) else np.vstack
    is_strange = np.repeat([0, 1], [normal.shape[0], strange.shape[0]])
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=_MAX_ITERATIONS)
    weights: NDArray[np.floating] = model.fit(stack([normal, strange]), is_strange).coef_[0]
    return weights
