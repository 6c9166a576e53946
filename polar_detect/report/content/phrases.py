"""What every renderer says of a report in whole sentences, in the language of the reader."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from polar_detect import calibration, drift
from polar_detect.arrays import Float64Array
from polar_detect.drift import Drift
from polar_detect.messages.formatting import (
    MINUS,
    NAME_CHARACTERS,
    NO_VALUE,
    Numbers,
    about,
    cell_range,
    decimals_for,
    one_line,
    p_value,
    pairs,
)
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Column
from polar_detect.report.content import marked
from polar_detect.report.content.chance import chance
from polar_detect.report.content.data import (
    CellReport,
    Contribution,
    ListedRow,
    Numbering,
    ProgramUse,
    ReportData,
    RowReport,
    total,
)
from polar_detect.report.content.facts import in_words
from polar_detect.report.content.falls import last_fall
from polar_detect.report.content.reasons import lacking, new_values, reasons_of_row
from polar_detect.texts.visible import visible

Shown = Literal["marked", "listed", "brief"]
_N_COMMON = 3  # reasons named in the summary
_N_LEADING = 2  # reasons of each listed row
_MOVED_CALLS = 0.1  # mean calls; less is no news


def score_numbers(data: ReportData) -> Numbers:
    """Return how scores of this batch are written."""
    scores = data.batch_scores[np.isfinite(data.batch_scores)]
    spread = float(np.std(scores)) if len(scores) > 1 else abs(data.base_value)
    return Numbers(decimals_for(spread), MINUS)


def title(data: ReportData, language: Language) -> str:
    """Return the title of the report."""
    return language.say("title", source=visible(data.source))


def headline(data: ReportData, language: Language) -> str:
    """Return how many texts or rows stand out."""
    n_scored = data.n_scored
    if data.n_flagged == 0 or n_scored == 1:
        key = "summary.only" if data.n_flagged else "summary.none"
        return language.count(key, n_scored)
    return language.count("summary.some", data.n_flagged, flagged=data.n_flagged, n=n_scored)


def findings(data: ReportData, language: Language) -> list[str]:
    """Return the sentences of the summary: chance, empty rows, drift, common reasons."""
    sentences = _of_share(data, language) if data.is_screening else _beside_chance(data, language)
    if data.n_empty:
        sentences.append(language.count("summary.empty", data.n_empty))
    if data.drift is not None:
        sentences.append(language.say(f"drift.{data.drift.verdict}"))
    reasons = _common_reasons(data, language)
    if reasons:
        sentences.append(language.say("summary.reasons", reasons=reasons))
    return sentences


def _of_share(data: ReportData, language: Language) -> list[str]:
    """Return what flags of a screening mean: so many were asked for; and where scores fall."""
    key = "summary.share" if data.n_flagged else "summary.share.none"
    sentences = [language.say(key, share=language.rate(data.alpha), n=data.n_scored)]
    return [*sentences, *fall(data.batch_scores, language)]


def fall(scores: Float64Array, language: Language) -> list[str]:
    """Return behind how many of the strangest texts the scores fall, in a sentence if they do."""
    own = last_fall(scores)
    if own is None:
        return []
    above, below = (Numbers(2).plain(score) for score in (own.above, own.below))
    return [language.count("summary.fall", own.n, above=above, below=below)]


def _beside_chance(data: ReportData, language: Language) -> list[str]:
    """Return how many rows chance alone would flag, and whether more are flagged."""
    n_scored, own = data.n_scored, chance(data)
    sentences = [
        language.say(
            "summary.chance",
            expected=about(own.expected),
            alpha=language.rate(own.rate),
            n=n_scored,
            low=own.low,
            high=own.high,
        )
    ]
    if data.n_flagged > own.high:
        sentences.append(language.say("summary.more"))
    elif n_scored > 1:
        sentences.append(language.say("summary.no_more" if data.n_flagged else "summary.quiet"))
    return sentences


def advice(data: ReportData, language: Language, shown: Shown) -> list[str]:
    """Return what to do next; nothing where no text is flagged.

    Parameters
    ----------
    shown : {"marked", "listed", "brief"}
        How the report shows what is odd about a row: in its text by colour; in words, with what
        is near it; or only the reasons.
    """
    if not data.n_flagged:
        return []
    cells = ".cells" if data.has_cells else ""
    keys = ["summary.advice", f"summary.advice{cells}.{shown}"]
    if data.drift is None:
        keys.append("summary.advice.screening")
    elif data.drift.verdict == "clear":
        keys += ["summary.advice_drift", *["summary.advice_drift.columns"] * data.are_rows]
    return [language.say(key) for key in keys]


def scores_alt(data: ReportData, numbers: Numbers, language: Language) -> str:
    """Return what the histograms of the scores show, for those who hear the page."""
    threshold = numbers.plain(data.threshold)
    if data.is_screening:
        n = len(data.batch_scores)
        key = "scores.alt.screening" if data.n_flagged else "scores.alt.screening.none"
        return language.say(key, n=n, flagged=data.n_flagged, threshold=threshold)
    return language.say(
        "scores.alt",
        n_normal=len(data.calibration_scores),
        n_batch=len(data.batch_scores),
        flagged=data.n_flagged,
        threshold=threshold,
    )


def scores_caption(data: ReportData, numbers: Numbers, language: Language) -> str:
    """Return how to read the histograms of the scores."""
    threshold = numbers.plain(data.threshold)
    if data.is_screening:
        share = language.rate(data.alpha)
        key = "scores.caption.screening" if data.n_flagged else "scores.caption.screening.none"
        return language.say(key, threshold=threshold, share=share)
    sentences = [language.say("scores.caption")]
    alpha = p_value(data.alpha)
    if math.isfinite(data.threshold):
        sentences.append(language.say("scores.caption_threshold", threshold=threshold, alpha=alpha))
    else:
        n = len(data.calibration_scores)
        sentences.append(language.say("scores.caption_none", n=n, alpha=alpha))
    return language.say("space").join(sentences)


def drift_sentences(own: Drift, language: Language) -> list[str]:
    """Return the verdict on the batch, its effect in pairs, and the test behind it."""
    sentences = [language.say(f"drift.{own.verdict}")]
    if own.verdict == "too few":
        return sentences
    sentences.append(language.say("drift.pairs", pairs=pairs(own.superiority)))
    test = language.say(
        "drift.test",
        distance=Numbers(2).plain(own.distance),
        p=p_value(own.p_value),
        n_batch=own.n_batch,
        n_normal=own.n_normal,
        level=p_value(drift.LEVEL),
    )
    return [*sentences, test]


def moved_sentence(own: Drift, language: Language) -> str:
    """Return whether layers and features moved; nothing where charts say it, or nobody can."""
    if own.verdict == "too few":
        return ""
    if not any(shift.is_moved for shift in (*own.layers, *own.features)):
        return language.say("drift.nothing_moved")
    return "" if own.is_drifted else language.say("drift.moved_only")


def leading(data: ReportData, language: Language) -> str:
    """Return the three layers that move the scores most, or columns without a model, as a list."""
    parts = data.global_whole if data.by_columns else data.global_layers
    largest = sorted(parts, key=lambda part: -part.value)[:3]
    return language.joined(language.part(part.source) for part in largest)


def layers_lead(data: ReportData, language: Language) -> str:
    """Return what moves the scores of the batch on average."""
    layers, whole = total(data.global_layers), total(data.global_whole)
    share = language.percent(whole / (layers + whole) if layers + whole > 0 else 0.0)
    return language.say("layers.lead", leading=leading(data, language), share=share)


def programs_lead(own: ProgramUse, language: Language) -> list[str]:
    """Return how long programs are, and where the use of layers differs most."""
    calls = Numbers(1, MINUS).plain
    sentences = [
        language.say(
            "programs.lead",
            usual=calls(own.typical_length),
            n_layers=len(own.typical_calls),
            now=calls(own.batch_length),
        )
    ]
    changes = _changes(own, language)
    if changes:
        sentences.append(language.say("programs.moved", layers=language.say("comma").join(changes)))
    return sentences


def row_name(row: int | str, numbering: Numbering) -> str:
    """Return the number of a row with separators, or its name, which may be foreign.

    >>> row_name(1234, "data"), row_name(1234, "index")
    ('1,234', '1234')
    """
    return f"{row:,}" if numbering != "index" else visible(str(row))


def row_title(row: int | str, numbering: Numbering, language: Language) -> str:
    """Return which row it is; a name in an index is written as it is, also if it is a number.

    >>> row_title(240117, "index", Language("en"))
    'Row 240117 by the index'
    """
    return language.say(f"card.row.{numbering}", row=str(row) if numbering == "index" else row)


def why(row: RowReport, numbers: Numbers, language: Language) -> str:
    """Return what raised the score of `row`, and which of its words, in sentences."""
    raised = [_reason(part, row, numbers, language) for part in reasons_of_row(row)]
    sentences = [
        language.say("card.raised", reasons=language.joined(raised))
        if raised
        else language.say("card.not_raised")
    ]
    if new := new_values(row.new_cells, language, "card.new.cell"):
        sentences.append(language.say("card.new", cells=language.joined(new)))
    if not row.cells:  # else the names of the columns would be named, in each row the same
        shared = [one_line(word, NAME_CHARACTERS) for word in row.labelled_words]
        sentences += _naming("card.labelled_words", shared, language)
        costliest = marked.costliest(row.text, row.tokens)
        sentences += _naming("card.tokens", costliest, language)
    return language.say("space").join(sentences)


def _naming(key: str, named: Sequence[str], language: Language) -> list[str]:
    """Return a sentence that quotes words, if there are some."""
    if not named:
        return []
    quoted = language.joined(language.say("quoted", word=word) for word in named)
    return [language.say(key, words=quoted)]


def _reason(part: Contribution, row: RowReport, numbers: Numbers, language: Language) -> str:
    """Return a reason with its part of the score; of a cell, also what it says."""
    value = numbers.signed(part.value)
    cells = {cell.column: cell for cell in row.cells}
    cell = cells.get(part.source.name) if isinstance(part.source, Column) else None
    if cell is None:
        return language.say("card.reason", name=language.reason(part.source), value=value)
    return language.say(
        _cell_key(cell),
        name=one_line(cell.column, NAME_CHARACTERS),
        says=one_line(cell.says, NAME_CHARACTERS) or NO_VALUE,
        usual=usual(cell, language),
        value=value,
    )


def _cell_key(cell: CellReport) -> str:
    if cell.is_empty:
        return "card.cell.empty"
    if cell.is_as_labelled:
        return "card.cell.labelled"
    is_usual = cell.is_usual and not cell.levels  # of words, shares say how usual they are
    return "card.cell.usual" if is_usual else "card.cell"


def cell(own: CellReport, n_characters: int, language: Language) -> str:
    """Return what a cell says, as a table of cells shows it."""
    if own.is_empty:
        return language.say("card.empty")
    return one_line(own.says, n_characters) or NO_VALUE


def usual(own: CellReport, language: Language) -> str:
    """Return between which numbers the cells of normal rows of its kind lie, or what they say."""
    what = _usual_levels(own.levels, language) if own.levels else _usual_range(own, language)
    if not own.beside:
        return what
    pairs = (
        " ".join(language.isolated(one_line(part, NAME_CHARACTERS)) for part in pair)
        for pair in own.beside.items()
    )
    said = language.say("comma").join(pairs)
    return language.say("card.usual.beside", usual=what, said=said)


def _usual_range(own: CellReport, language: Language) -> str:
    low, high = cell_range(own.low, own.high)
    return language.say("card.usual.range", low=low, high=high)


def _usual_levels(levels: Sequence[tuple[str, float]], language: Language) -> str:
    """Return what normal rows say most, as ``P104 98 %, P101 2 %``."""
    return language.say("comma").join(
        f"{_level(level, language)} {language.percent(share)}" for level, share in levels
    )


def _level(level: str, language: Language) -> str:
    return language.isolated(one_line(level, NAME_CHARACTERS)) or language.say("card.empty")


def leading_reasons(row: ListedRow, language: Language) -> str:
    """Return what is new in a row, else what raised its score most, two at most, or a dash."""
    new = {cell.column for cell in row.new_cells}  # which is said once
    said = [*new_values(row.new_cells, language), *lacking(row.new_words, language)]
    for source in (part.source for part in row.reasons):
        reason = language.reason(source)
        if isinstance(source, Column):
            if source.name in new:
                continue
            if source.name in row.cells:
                cell = one_line(row.cells[source.name], NAME_CHARACTERS)
                reason = language.say("reason.with_cell", reason=reason, cell=cell)
        said.append(reason)
    return language.say("comma").join(said[:_N_LEADING]) or NO_VALUE


def reading(data: ReportData, language: Language) -> list[tuple[str, str]]:
    """Return the terms of the report with what they mean."""
    n_held_out = len(data.calibration_scores)
    values = {
        "alpha": p_value(data.alpha),
        "n": n_held_out,
        "smallest": p_value(calibration.smallest_alpha(n_held_out)),
        "n_layers": data.n_layers,
    }
    keys = ["reading.score", "reading.p", "reading.program", "reading.part"]
    if data.programs is None:
        keys.remove("reading.program")
    if data.is_screening:
        keys.remove("reading.p")
    told = {key: f"{key}.text" for key in keys}
    if data.detector.choices.get("labelled"):
        told["reading.score"] = "reading.score.labelled"
    if data.is_screening:
        told["reading.score"] = "reading.score.screening"
    return [(language.say(key), language.say(text, **values)) for key, text in told.items()]


def facts(data: ReportData, numbers: Numbers, language: Language) -> list[tuple[str, str]]:
    """Return what the detector is and was fitted on, and what it was applied to.

    With foreign names as they are, for a renderer to make visible.
    """
    language = replace(language, isolates=False)
    scored = language.say("detector.scored.text", source=data.source, n=data.n_rows)
    key = "detector.threshold.text"
    if data.is_screening:
        key = "detector.threshold.screening"
        if not data.n_flagged:
            key = "detector.threshold.screening.none"
    threshold = language.say(
        key,
        alpha=p_value(data.alpha),
        share=language.rate(data.alpha),
        threshold=numbers.plain(data.threshold),
        n=data.detector.n_held_out,
    )
    return [
        *in_words(data.detector, language),
        (language.say("detector.scored"), scored),
        (language.say("detector.threshold"), threshold),
    ]


def _common_reasons(data: ReportData, language: Language) -> str:
    """Return what most often comes first among the reasons of the flagged rows."""
    first = Counter(row.reasons[0].source for row in data.listed if row.is_anomaly and row.reasons)
    if not first:
        return ""
    return language.joined(
        language.count("summary.reason", count, name=language.reason(source))
        for source, count in first.most_common(_N_COMMON)
    )


def _changes(own: ProgramUse, language: Language) -> list[str]:
    """Return the layers whose use differs most, in words, largest first."""
    change = np.nan_to_num(np.abs(own.batch_calls - own.typical_calls))
    order = np.argsort(-change, kind="stable")[:3].tolist()
    return [
        language.say(
            "programs.change",
            layer=layer,
            usual=f"{own.typical_calls[layer]:.2f}",
            now=f"{own.batch_calls[layer]:.2f}",
        )
        for layer in order
        if change[layer] >= _MOVED_CALLS
    ]
