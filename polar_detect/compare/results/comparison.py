"""A comparison as values: methods, what they scored, and the table of their figures."""

from dataclasses import dataclass

from polar_detect import metrics, models
from polar_detect.arrays import Float64Array
from polar_detect.compare.methods.drivers import Driver, PartsOf
from polar_detect.compare.methods.views import Cost
from polar_detect.detector import PolarDetector


@dataclass(frozen=True)
class Measure:
    """What a figure of the table says of a method's scores.

    Parameters
    ----------
    title : str
    brief : str
        The title where lines are short.
    of : callable of labels and scores
    is_left_out : bool
        Where lines are so short that not all figures fit.
    """

    title: str
    brief: str
    of: metrics.Metric
    is_left_out: bool = False


AUROC = Measure("AUROC", "AUROC", metrics.auroc)
AVERAGE_PRECISION = Measure("average precision", "AP", metrics.aupr)
FALSE_ALARMS = Measure("FPR at 95 % recall", "FPR95", metrics.fpr_at_tpr, is_left_out=True)
RECALL_AT_1 = Measure(
    "recall at 1 % false alarms",
    "R@1%",
    lambda labels, scores: metrics.recall_at_fpr(labels, scores, 0.01),
    is_left_out=True,
)
RECALL_AT_5 = Measure(
    "recall at 5 % false alarms",
    "R@5%",
    lambda labels, scores: metrics.recall_at_fpr(labels, scores, 0.05),
)
MEASURES = (AUROC, AVERAGE_PRECISION, FALSE_ALARMS, RECALL_AT_1, RECALL_AT_5)


@dataclass(frozen=True)
class Figure:
    """A figure with its bootstrap 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Method:
    """Who scores rows.

    Parameters
    ----------
    name : str
    view : str
        What the method reads of a row.
    is_supervised : bool
        Whether it learned from labelled anomalous training rows.
    recipe : str
        Of a baseline: what a user would take for it, in words.
    cost : Cost
        What it runs for a row.
    detector : str or None
        Of ours: its name, as `polar-detect fit` knows it. None for a baseline.
    """

    name: str
    view: str
    is_supervised: bool
    cost: Cost
    recipe: str = ""
    detector: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is one of polar-detect's detectors."""
        return self.detector is not None

    @property
    def title(self) -> str:
        """Name and view in words."""
        return self.name if self.is_ours else f"{self.name} on {self.view}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Scored:
    """The test scores of one method and what they cost.

    Parameters
    ----------
    method : Method
    scores : (n_test,) float64
        Higher = more anomalous; NaN where a text is empty.
    fit_s, s_per_1000 : float
        Seconds to fit, of our detectors with the models loaded and without programs where scores
        need none; and to score 1,000 rows.
    parts_of : callable, optional
        Of given test rows, the parts of their scores by column, or by word (SHAP values), where a
        method has them.
    """

    method: Method
    scores: Float64Array
    fit_s: float
    s_per_1000: float
    parts_of: PartsOf | None = None


@dataclass(frozen=True, kw_only=True)
class MethodResult:
    """One line of the table.

    Parameters
    ----------
    method, fit_s, s_per_1000
        As in `Scored`.
    figures : dict of Measure to Figure
    to_best_baseline, to_best : Difference or None
        AUROC of this method minus that of the best baseline, and of the best method, over the
        same resamples of the test rows; None where that is this method itself.
    drivers : tuple of Driver
        What sets the anomalous test rows apart: of the best of our detectors that goes by columns
        and of the best baseline that has SHAP values of columns or words; of others none.
    """

    method: Method
    fit_s: float
    s_per_1000: float
    figures: dict[Measure, Figure]
    to_best_baseline: metrics.Difference | None
    to_best: metrics.Difference | None
    drivers: tuple[Driver, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The whole table, best AUROC first, with what it was measured on.

    Parameters
    ----------
    results : tuple of MethodResult
    n_train : tuple of int
        Normal and anomalous training rows.
    n_test : tuple of int
        Normal and anomalous test rows.
    text_source : str
    columns : tuple of str
    notes : tuple of str
    telling : tuple of str
        Columns that give the label away by themselves.
    fit_options : str
        Options of `polar-detect fit` that read the rows as they were read here; of what a program
        holds, arguments of `PolarDetector`.
    model_options : str
        Options of it that name the models, and what these read.
    are_rows : bool
        Whether rows are written out as texts, which else stand in a column of their own.
    is_of_files : bool
        Whether the rows come from files, and not from what a program holds.
    best_by_guessing : float
        How often the best AUROC would be as high if labels had nothing to do with the rows.
    """

    results: tuple[MethodResult, ...]
    n_train: tuple[int, int]
    n_test: tuple[int, int]
    text_source: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    telling: tuple[str, ...] = ()
    fit_options: str = ""
    model_options: str = ""
    are_rows: bool = True
    is_of_files: bool = True
    best_by_guessing: float = 0.0

    @property
    def best(self) -> MethodResult:
        """The method with the highest AUROC."""
        return self.results[0]

    @property
    def best_baseline(self) -> MethodResult:
        """The baseline with the highest AUROC."""
        return next(result for result in self.results if not result.method.is_ours)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a comparison is run.

    Parameters
    ----------
    detectors : tuple of PolarDetector
    n_resamples : int
        Bootstrap resamples behind every interval.
    seed : int
    encoder : str
        Sentence encoder that baselines read, as `PolarDetector` names it.
    """

    detectors: tuple[PolarDetector, ...]
    n_resamples: int = 500
    seed: int = 0
    encoder: str = models.AUTO_ENCODER
