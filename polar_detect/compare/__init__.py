"""Compare the detector with what a user would pick instead, on the user's own rows."""

from polar_detect.compare.detection import compare_detectors, run_methods
from polar_detect.compare.reading.rows import Rows
from polar_detect.compare.reading.source import Reading
from polar_detect.compare.reading.task import Task, read_task
from polar_detect.compare.regression import (
    PredictionSettings,
    check_predictable,
    compare_predictions,
)
from polar_detect.compare.results.advice import advise, advise_on_predictions
from polar_detect.compare.results.comparison import (
    Comparison,
    Method,
    MethodResult,
    Scored,
    Settings,
)
from polar_detect.compare.results.measuring import measure
from polar_detect.compare.results.predictions import Prediction, Predictions

__all__ = [
    "Comparison",
    "Method",
    "MethodResult",
    "Prediction",
    "PredictionSettings",
    "Predictions",
    "Reading",
    "Rows",
    "Scored",
    "Settings",
    "Task",
    "advise",
    "advise_on_predictions",
    "check_predictable",
    "compare_detectors",
    "compare_predictions",
    "measure",
    "read_task",
    "run_methods",
]
