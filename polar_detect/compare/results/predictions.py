"""Predictions of a number as values: what each model reaches, and what signatures add to it."""

from dataclasses import dataclass

from polar_detect.compare.methods.drivers import Driver
from polar_detect.compare.methods.views import Cost
from polar_detect.compare.results.comparison import Figure
from polar_detect.metrics import Difference


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One model on one set of features.

    Parameters
    ----------
    model : str
    view : str
        What the model reads of a row.
    has_signature : bool
        Whether it reads signature features too.
    r2, rmse : Figure
        With bootstrap 95 % intervals over rows.
    gain : Difference or None
        R² with minus R² without signature features, of the same model; None without them.
    to_best : Difference or None
        R² minus that of the best model, over the same resamples; None for the best one.
    cost : Cost
        What it runs for a row.
    fit_s : float
        Seconds to fit and predict all folds, features included.
    """

    model: str
    view: str
    has_signature: bool
    r2: Figure
    rmse: Figure
    gain: Difference | None
    to_best: Difference | None
    cost: Cost
    fit_s: float

    @property
    def features(self) -> str:
        """What the model reads, in words."""
        return f"{self.view} + signature" if self.has_signature else self.view

    @property
    def title(self) -> str:
        """Model and features in words."""
        return f"{self.model} on {self.features}"

    @property
    def plain_title(self) -> str:
        """The same without signature features."""
        return f"{self.model} on {self.view}"


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The whole table, best R² first (of equal ones as they ran), with what it was measured on.

    `telling` are columns that give the number away by themselves; `are_rows` says whether rows are
    written out as texts, which else stand in a column of their own; `drivers` by which columns
    LightGBM predicts.
    """

    results: tuple[Prediction, ...]
    n_rows: int
    n_folds: int
    target: str
    text_source: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    telling: tuple[str, ...] = ()
    are_rows: bool = True
    drivers: tuple[Driver, ...] = ()
