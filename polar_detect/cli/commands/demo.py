"""`polar-detect demo`: the whole job on the demo work orders."""

from pathlib import Path

import polar_detect
from polar_detect import artifact, metrics, tables
from polar_detect.cli.commands.fit import FitSettings, fit
from polar_detect.cli.commands.inputs import InputOptions, assess
from polar_detect.cli.commands.output import make_folder, out, say, summarise, write_text
from polar_detect.cli.commands.score import scored_columns
from polar_detect.errors import InputNotFoundError
from polar_detect.report.build import build_report
from polar_detect.report.html import render_html
from polar_detect.report.terminal import worst_rows


def demo(folder: Path) -> None:
    """Fit, score and explain the demo work orders, and measure against their labels."""
    data = _demo_data()
    detector_folder = folder / "detector"
    scored, page = folder / "work_orders_scored.csv", folder / "work_orders_report.html"
    artifact.check_target(detector_folder)
    make_folder(folder)
    train = data / "work_orders_train.csv"
    detector = fit(train, detector_folder, InputOptions(text_column="text"), FitSettings())
    table = tables.read_table(
        data / "work_orders_new.csv", text_column="text", label_column="label"
    )
    assessment = assess(detector, table.texts)
    tables.write_scored(table, scored_columns(assessment, detector.n_layers), scored)
    report_data = build_report(detector, assessment, table, top=20)
    write_text(page, render_html(report_data))
    say(scored)
    say(page)
    out.print(worst_rows(report_data.rows[:10], report_data.numbering))
    assert table.labels is not None
    for name, metric in (("AUROC", metrics.auroc), ("AUPR", metrics.aupr)):
        out.print(f"{name} {metric(table.labels, assessment.scores):.3f}", highlight=False)
    summarise(assessment, detector.alpha, report_data.drift)


def _demo_data() -> Path:
    package = Path(polar_detect.__file__).resolve().parent.parent
    for folder in (Path("data"), package / "data"):
        if (folder / "work_orders_train.csv").is_file():
            return folder
    raise InputNotFoundError(
        "Got no data/work_orders_train.csv here; expected the cloned repository; run the demo "
        "in its top folder."
    )
