"""What a type checker and a shell's completion see of the package, on a user's own script."""

import pydoc
import subprocess
import sys
import typing
from pathlib import Path

import pandas as pd
import pytest
from mypy import api

import polar_detect
from polar_detect.tables import RowTemplate

SCRIPT = """
import pandas as pd
from polar_detect import PolarDetector, Program, Report, plots


class ArrowTable:  # as those of polars
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return requested_schema


detector = PolarDetector("pyod:ECOD", alpha=0.1).fit(["oil"], progress=None)
assessment = detector.assess(pd.Series(["oil"]), programs_of="flagged")
frame: pd.DataFrame = assessment.to_frame("ja")
reasons: list[str] = assessment.reasons()
margins: list[float] = detector.decision_function(pd.Series(["oil"]).values).tolist()
verdicts: list[int] = detector.fit_predict(ArrowTable(), [1]).tolist()
Report.of(detector, ("oil",), assessment=assessment).save("report.html")
program: Program = Program.parse("0-3 [4-5]x2")
label: str = plots.plot_program(program, 8).get_xlabel()
"""
WRONG = {
    "from polar_detect import PolarDetektor": 'has no attribute "PolarDetektor"',
    "detector.assess(['oil'], programs_of='most')": 'Argument "programs_of"',
    "detector.assess([1])": "List item 0 has incompatible type",
    "assessment.to_frame('de')": 'Argument 1 to "to_frame"',
}


@pytest.mark.slow
def test_a_type_checker_reads_a_users_script_and_finds_what_is_wrong_in_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MYPYPATH", str(Path(polar_detect.__file__).parents[1]))
    script = tmp_path / "user.py"
    script.write_text("\n".join([SCRIPT, *WRONG]), encoding="utf-8")
    cache = tmp_path / "cache"
    options = ["--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={cache}"]
    said, _, _ = api.run([*options, str(script)])
    errors = [line for line in said.splitlines() if "error:" in line]
    assert len(errors) == len(WRONG), said
    for error, expected in zip(errors, WRONG.values(), strict=True):
        assert expected in error


def test_completion_and_help_name_what_was_not_used_yet():
    assert sorted(dir(polar_detect)) == sorted(polar_detect.__all__)
    page = pydoc.plain(pydoc.render_doc(polar_detect))
    assert "class PolarDetector(" in page
    assert "class Program(" in page
    with pytest.raises(AttributeError, match="module 'polar_detect' has no attribute 'Detector'"):
        _ = polar_detect.Detector


@pytest.mark.slow
def test_plots_are_there_once_the_package_is_imported():
    own = "import polar_detect; print(polar_detect.plots.plot_layers.__name__)"
    done = subprocess.run([sys.executable, "-c", own], capture_output=True, text=True, check=True)
    assert done.stdout == "plot_layers\n"


@pytest.mark.parametrize("name", ["fit", "assess", "score_samples", "predict", "fit_predict"])
def test_tools_that_read_annotations_find_what_a_method_takes(name):
    hints = typing.get_type_hints(getattr(polar_detect.PolarDetector, name))
    assert pd.DataFrame in typing.get_args(hints["X"])


def test_completion_of_plots_names_what_draws_and_no_imports():
    own = dir(polar_detect.plots)
    assert own == sorted(polar_detect.plots.__all__)
    assert "plot_layers" in own
    assert all(name.startswith("plot_") for name in own if name != "explanation_html")
    public = {name for name, own in vars(polar_detect.plots).items() if callable(own)}
    drawing = {name for name in public if name.startswith("plot_")}
    assert drawing <= {*own}  # none was forgotten


def test_tools_that_read_annotations_find_what_the_detector_takes():
    hints = typing.get_type_hints(polar_detect.PolarDetector.__init__)
    assert typing.get_args(hints["rows"]) == (RowTemplate, type(None))
