"""`polar-detect demo`: the whole job on the demo work orders."""

from pathlib import Path

import polar_detect
from polar_detect import metrics, tables
from polar_detect.artifact.writing import check_target
from polar_detect.cli.commands.fit import fit
from polar_detect.cli.commands.output import err, make_folder, out, say, summarise, write_text
from polar_detect.cli.options import DemoOptions, FitOptions
from polar_detect.cli.progress import progress_bars
from polar_detect.errors import InputNotFoundError
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import Tongue
from polar_detect.report.build import build_report
from polar_detect.report.formats.html import render_html
from polar_detect.report.formats.terminal import worst_rows
from polar_detect.scoring.results import added_columns
from polar_detect.tables.columns.results import OF_TEXTS

_ORDERS: dict[Tongue, str] = {"en": "work_orders", "ja": "work_orders_ja"}


def demo(options: DemoOptions) -> None:
    """Fit, score and explain the demo work orders of a language, and measure by their labels."""
    folder, tongue = options.out, options.lang
    name, language = _ORDERS[tongue], Language(tongue)
    train = _demo_file(f"{name}_train.csv")
    detector_folder = folder / "detector"
    scored, page = folder / f"{name}_scored.csv", folder / f"{name}_report.html"
    check_target(detector_folder)
    make_folder(folder)
    detector = fit(FitOptions(train=train, out=detector_folder, text_column="text", lang=tongue))
    new = train.with_name(f"{name}_new.csv")
    table = tables.read_table(new, text_column="text", label_column="label")
    with progress_bars(err, language) as progress:
        assessment = detector.assess(table.texts, progress=progress)
    largest_p = assessment.p_values[assessment.is_anomaly].max(initial=-1.0)
    added = added_columns(assessment.results(tongue), largest_p, OF_TEXTS)
    # Excel reads UTF-8 without the mark as the encoding of the country.
    tables.write_scored(table, added, scored, tables.Layout(has_mark=tongue == "ja"))
    report = build_report(detector, assessment, table, top=20)
    write_text(page, render_html(report, tongue))
    say(scored)
    say(page)
    out.print(worst_rows(report.listed[:10], report.numbering, language))
    assert table.labels is not None
    for metric, measure in (("AUROC", metrics.auroc), ("AUPR", metrics.aupr)):
        out.print(f"{metric} {measure(table.labels, assessment.scores):.3f}", highlight=False)
    summarise(report, language)


def _demo_file(name: str) -> Path:
    package = Path(polar_detect.__file__).resolve().parent.parent
    for folder in (Path("data"), package / "data"):
        if (folder / name).is_file():
            return folder / name
    raise InputNotFoundError(
        f"Got no data/{name} here; expected the cloned repository; run the demo in its top folder."
    )
