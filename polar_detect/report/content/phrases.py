"""What every renderer says of a batch, in whole sentences, in the language of the reader."""

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
    Numbers,
    about,
    decimals_for,
    one_line,
    p_value,
    pairs,
)
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Column
from polar_detect.report.content import cluster_phrases
from polar_detect.report.content.aside_phrases import asides
from polar_detect.report.content.chance import chance
from polar_detect.report.content.data import (
    ProgramUse,
    ReportData,
    total,
)
from polar_detect.report.content.facts import in_words
from polar_detect.report.content.falls import last_fall
from polar_detect.report.content.group_phrases import concentration
from polar_detect.report.content.row_phrases import row_place
from polar_detect.shell import as_argument
from polar_detect.signature.columns.reach import Beyond
from polar_detect.signature.known_anomalies import LikeCounts
from polar_detect.statistics.stretch import crowded
from polar_detect.tables.cells.names import comma_separated, on_one_line
from polar_detect.texts.visible import visible

Shown = Literal["marked", "listed", "brief"]
_N_COMMON = 3  # reasons named in the summary
_MOST_KINDS = 10  # of labelled anomalies
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
    """Return the sentences of the summary: chance, empty rows, crowds, drift, common reasons."""
    sentences = _of_share(data, language) if data.is_screening else _beside_chance(data, language)
    if data.n_empty:
        sentences.append(language.count("summary.empty", data.n_empty))
    sentences += _crowd(data, language)
    found = () if data.groups is None else data.groups.found
    sentences += [concentration(own, language) for own in found[:1]]
    if data.like_known is not None:
        sentences.append(like_known(data.like_known, language))
    sentences += _clusters(data, language)
    sentences += asides(data, data.n_scored, data.numbering, language)
    if data.drift is not None:
        sentences.append(language.say(f"drift.{data.drift.verdict}"))
    sentences += beyond_reach(data.beyond, language)
    reasons = _common_reasons(data, language)
    if reasons and not (data.clusters and data.clusters.are_most):
        sentences.append(language.say("summary.reasons", reasons=reasons))
    return sentences


def like_known(own: LikeCounts, language: Language) -> str:
    """Return how many flagged texts are like labelled anomalies, and of which kinds these are."""
    named = [
        language.say("summary.known.kind", name=one_line(name, NAME_CHARACTERS), n=n)
        for name, n in own.kinds[:_MOST_KINDS]
    ]
    kinds = language.say("summary.known.kinds", kinds=language.joined(named)) if named else ""
    return language.say(
        "summary.known",
        n=own.n_like,
        n_flagged=own.n_like + own.n_unlike,
        kinds=kinds,
        n_known=own.n_known,
        n_unlike=own.n_unlike,
    )


def beyond_reach(beyond: Beyond, language: Language) -> list[str]:
    """Return in which columns most rows lie where no normal row does, a sentence a kind."""
    sentences = []
    if beyond.conditions:
        named = _quoted(beyond.conditions, language)
        sentences.append(language.say("summary.beyond.conditions", names=named))
    if beyond.columns:
        every = map(on_one_line, (*beyond.named, *beyond.columns))  # or those named are lost
        option = as_argument(comma_separated([*every]))
        named = _quoted(beyond.columns, language)
        sentences.append(language.say("summary.beyond", names=named, option=option))
    return sentences


def _quoted(names: Sequence[str], language: Language) -> str:
    shown = (one_line(name, NAME_CHARACTERS) for name in names)
    return language.joined(language.say("quoted", word=name) for name in shown)


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


def _crowd(data: ReportData, language: Language) -> list[str]:
    """Return from which row to which flagged ones crowd, in a sentence if they do."""
    is_flagged = data.batch_scores >= data.threshold
    own = crowded(is_flagged)
    if own is None:
        return []
    first, last = (
        row_place(
            data.batch_rows[i],
            data.batch_times[i] if data.batch_times else "",
            data.numbering,
            language,
        )
        for i in own[:2]
    )
    n_all, n_flagged = own.last - own.first + 1, int(is_flagged.sum())
    return [
        language.say(
            "summary.crowd",
            first=first,
            last=last,
            n=own.n,
            n_all=n_all,
            n_others=n_flagged - own.n,
            n_rest=len(is_flagged) - n_all,
        )
    ]


def _clusters(data: ReportData, language: Language) -> list[str]:
    """Return which flagged rows are alike, in a sentence if that is known."""
    said = "" if data.clusters is None else cluster_phrases.sentence(data.clusters, language)
    return [said] if said else []


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
    if any(row.has_expected for row in data.rows):
        keys.append("reading.expected")
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
    sources = (row.reasons[0].source for row in data.listed if row.is_anomaly and row.reasons)
    first = Counter(own.of_any_number if isinstance(own, Column) else own for own in sources)
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
