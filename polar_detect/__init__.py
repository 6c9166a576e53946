"""Anomaly and out-of-distribution detection in text from minimal layer programs."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polar_detect import plots as plots
    from polar_detect.compare.frames import compare_with_baselines as compare_with_baselines
    from polar_detect.detector import PolarDetector as PolarDetector
    from polar_detect.detectors.estimator import (
        SignatureOutlierDetector as SignatureOutlierDetector,
    )
    from polar_detect.monitoring import DriftMonitor as DriftMonitor
    from polar_detect.program import Program as Program
    from polar_detect.report.report import Report as Report
    from polar_detect.screening import screen as screen
    from polar_detect.transformer import SignatureTransformer as SignatureTransformer

__version__ = "0.2.0"
__all__ = [
    "DriftMonitor",
    "PolarDetector",
    "Program",
    "Report",
    "SignatureOutlierDetector",
    "SignatureTransformer",
    "__version__",
    "compare_with_baselines",
    "plots",
    "screen",
]

_HOMES = {
    "DriftMonitor": "polar_detect.monitoring",
    "PolarDetector": "polar_detect.detector",
    "Program": "polar_detect.program",
    "Report": "polar_detect.report.report",
    "SignatureOutlierDetector": "polar_detect.detectors.estimator",
    "SignatureTransformer": "polar_detect.transformer",
    "compare_with_baselines": "polar_detect.compare.frames",
    "screen": "polar_detect.screening",
}


if not TYPE_CHECKING:  # else a type checker would take any name for a class of this package

    def __getattr__(name: str) -> Any:
        """Import what is public on first use: torch takes seconds, and --help does not need it."""
        if name == "plots":
            return importlib.import_module("polar_detect.plots")
        if name not in _HOMES:
            raise AttributeError(f"module 'polar_detect' has no attribute '{name}'")
        return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return what there is for users, also what was not used yet, for completion and `help`."""
    return [*__all__]
