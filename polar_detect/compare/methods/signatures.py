"""Signatures of rows as models that predict a number read them.

References are fitted inside each fold, so that no row is compared with itself.
"""

import time
from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.compare.reading.rows import Rows
from polar_detect.progress import Tracker
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.normal.reference import Reference
from polar_detect.signature.reading.readings import Readings
from polar_detect.transformer import cross_fitted_signatures


@dataclass(frozen=True, eq=False)
class Signatures:
    """Rows that models have read.

    Parameters
    ----------
    extractor : Extractor
    readings : Readings
    took_s : float
        Seconds that reading them took.
    """

    extractor: Extractor
    readings: Readings
    took_s: float

    @classmethod
    def read(cls, extractor: Extractor, rows: Rows, tracker: Tracker) -> Self:
        """Have models read all rows."""
        start = time.perf_counter()
        readings = extractor.read_all(rows.texts, stage="read rows", tracker=tracker)
        return cls(extractor, readings, time.perf_counter() - start)

    def of_fold(self, train: IndexArray, test: IndexArray, *, seed: int) -> Float64Array:
        """Return all rows' signatures against the training rows, each feature standardised.

        (n_rows, n_features).
        """
        inside = self.readings.rows(train)
        own = cross_fitted_signatures(self.extractor, inside, seed=seed)
        others = self.extractor.signatures(self.readings.rows(test), Reference.fit(inside))
        values = np.empty((len(self.readings), len(own.features)))
        values[train], values[test] = own.values, others.values
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        scaler = make_pipeline(imputer, StandardScaler()).fit(values[train])
        scaled: Float64Array = scaler.transform(values)
        return scaled
