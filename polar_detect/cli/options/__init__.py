"""What each command asks for, as its `--help` says it: a dataclass each, an option a field.

`polar_detect.cli.commands` has a function of the same name, which takes it. They are apart
because importing torch takes seconds, and `--help` and completion need none of it.
"""

from polar_detect.cli.options.compare import CompareOptions
from polar_detect.cli.options.demo import DemoOptions
from polar_detect.cli.options.fit import FitOptions
from polar_detect.cli.options.inspect import InspectOptions
from polar_detect.cli.options.report import ReportOptions
from polar_detect.cli.options.score import ScoreOptions
from polar_detect.cli.options.search import SearchOptions
from polar_detect.cli.options.serve import ServeOptions

__all__ = [
    "CompareOptions",
    "DemoOptions",
    "FitOptions",
    "InspectOptions",
    "ReportOptions",
    "ScoreOptions",
    "SearchOptions",
    "ServeOptions",
]
