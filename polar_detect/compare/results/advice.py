"""Which method to take, in sentences that a person can act on; also when it is not ours.

What is best rests on figures alone; what is recommended, on what a method has to run for a row too.
Seconds are said where they agree, and decide nothing: beside other work they are others in every
run.
"""

from collections.abc import Sequence

from polar_detect.compare.methods.drivers import Driver
from polar_detect.compare.methods.views import Cost
from polar_detect.compare.results.comparison import (
    AUROC,
    RECALL_AT_5,
    Comparison,
    Figure,
    MethodResult,
)
from polar_detect.compare.results.predictions import Prediction, Predictions
from polar_detect.detectors import HEADS, ClassifierHead
from polar_detect.messages.formatting import NAME_CHARACTERS, one_line
from polar_detect.metrics import Difference

_FEW_ANOMALIES = 30
_VERY_FEW_ANOMALIES = 10  # resamples of so few are too much alike: the intervals are too narrow
_NEAR_ONE = 0.95  # of .98, intervals of 20 anomalous rows hold the true AUROC in 84 of 100 cases
_CHANCE = 0.5
_MOST_DRIVERS = 5
_LEAST_DRIVER = 0.05  # what tells less stands for nothing that a person would look at
_LEVEL = 0.05
_DIGITS = 3  # of a difference, as it is shown: 0.000 is none
_NOTICEABLE = 0.02  # of AUROC or R²; who saves time by giving up less gives up nothing
_RUNS = {
    Cost.NO_MODEL: "no model",
    Cost.ENCODER: "the sentence encoder alone",
    Cost.LANGUAGE_MODEL: "the language model once",
    Cost.PROGRAMS: "the language model many times",
}  # of a row


def find_as_good(comparison: Comparison) -> list[MethodResult]:
    """Return the methods that are as good as the best for any practical end, cheapest first.

    That is, not told from it by these test rows, and not noticeably below it: where there are
    few test rows, the first alone would let poor methods pass. Of those that run the same, the
    best is first, but the classifier of ours last: what finds other kinds too is worth more than
    a lead that does not count.
    """
    level = [result for result in comparison.results if _is_as_good(result.to_best)]
    return sorted(level, key=lambda r: (r.method.cost, _is_classifier(r)))


def _is_classifier(result: MethodResult) -> bool:
    own = HEADS.get(result.method.detector or "")
    return own is not None and issubclass(own, ClassifierHead)


def advise(comparison: Comparison) -> list[str]:
    """Return what is best, how sure that is, and what to do, a sentence or two each."""
    best, as_good = comparison.best, find_as_good(comparison)
    chosen = as_good[0]
    is_one = len(comparison.telling) == 1
    else_ = "watching it is all you need" if is_one else "watching them is all you need"
    sentences = [
        *_warn(comparison, "label", "anomaly", else_),
        f"Best on these rows: {_at_length(best)}",
    ]
    if best.figures[AUROC].low <= _CHANCE:
        return [
            *sentences,
            "Recommendation: none of these. The best one is not told from guessing (AUROC .5): "
            "the columns may not show the anomalies, or there are too few test rows.",
        ]
    if comparison.best_by_guessing > _LEVEL:
        return [
            *sentences,
            f"Recommendation: none of these. The best of {len(comparison.results)} methods would "
            f"have as high an AUROC in {100 * comparison.best_by_guessing:.0f} of 100 cases if the "
            "labels had nothing to do with the rows: the columns may not show the anomalies, or "
            "there are too few test rows.",
        ]
    return [
        *sentences,
        *_ours_in_words(comparison),
        *_drivers_in_words(comparison),
        f"Recommendation: use {chosen.method.title}. It is {_why(comparison, as_good)}.",
        *_what_it_reads(chosen),
        *_cheaper(comparison, chosen),
        _how(comparison, chosen),
        *_limits(comparison, chosen),
    ]


def advise_on_predictions(predictions: Predictions) -> list[str]:
    """Return which model predicts best, and whether signature features are worth their cost."""
    best = predictions.results[0]
    sentences = [
        *_warn(predictions, "number", "number", "no model is needed"),
        f"Best on these rows: {best.title}, R² {_bounds(best.r2)}: typically off by "
        f"{best.rmse.value:.4g} (RMSE).",
    ]
    if best.r2.low <= 0:
        return [
            *sentences,
            "Recommendation: none of these. The best one is not told from predicting the mean.",
        ]
    if shares := _shares(predictions.drivers):
        sentences.append(f"LightGBM on numbers predicts by (SHAP): {shares}.")
    for result in predictions.results:
        if result.gain is not None:
            sentences.append(
                f"Signature features change the R² of {result.plain_title} by "
                f"{signed(result.gain)}: {_verdict(result.gain)}."
            )
    level = [r for r in predictions.results if _is_as_good(r.to_best)]
    chosen = min(level, key=lambda result: result.cost)
    reason = "the best"
    if chosen is not best:
        reason = f"one of the cheapest of {len(level)} that are as good as the best"
    sentences.append(f"Recommendation: use {chosen.title}; it is {reason}.")
    if any(result.has_signature for result in predictions.results):
        sentences.append(_on_signatures(predictions, chosen))
    return sentences


def _on_signatures(predictions: Predictions, chosen: Prediction) -> str:
    """Return whether signature features are worth their cost."""
    helped = [r for r in predictions.results if r.gain is not None and r.gain.low > 0]
    if chosen.gain is not None:
        sure = "" if chosen in helped else ", though not beyond noise: measure with more rows"
        return f"Signature features are worth their time here{sure}."
    if helped:
        models = ", ".join(result.plain_title for result in helped)
        return (
            f"Leave the signature features out: they help {models}, but what is recommended is "
            "as good without them."
        )
    return "Leave the signature features out: they cost time and bring nothing here."


def _is_as_good(to_best: Difference | None) -> bool:
    """Return whether a method is the best, or as good for any practical end."""
    return to_best is None or (to_best.high >= 0 and to_best.difference >= -_NOTICEABLE)


def _verdict(gap: Difference) -> str:
    if round(gap.low, _DIGITS) > 0:
        return "better, beyond noise"
    return "worse, beyond noise" if round(gap.high, _DIGITS) < 0 else "within noise"


def _warn(found: Comparison | Predictions, what: str, cause: str, else_: str) -> list[str]:
    """Return a warning of columns that give away what is to be found out, if there are any."""
    if not found.telling:
        return []
    names = ", ".join(f"'{name}'" for name in found.telling)
    one = len(found.telling) == 1
    option = "--columns" if found.are_rows else "--numeric-columns"  # beside a column of texts
    verb, them, they = ("gives", "it", "it is") if one else ("give", "them", "they are")
    return [
        f"Careful: {names} {verb} the {what} away in these rows. If {they} known only once the "
        f"{cause} is, leave {them} out ({option} with the others), or every figure here is too "
        f"good; if before, {else_}."
    ]


def _why(comparison: Comparison, as_good: Sequence[MethodResult]) -> str:
    """Return why the first of the methods that are as good as the best is recommended."""
    best, chosen, n = comparison.best, as_good[0], len(as_good)
    if chosen is not best and chosen.method.cost == best.method.cost:  # the best is the classifier
        if chosen.method.is_supervised and not chosen.method.is_ours:
            return "as good as the best for any practical end, and simpler"
        return "as good as the best for any practical end, and finds other kinds than labelled too"
    if chosen is not best:
        n_cheapest = sum(result.method.cost == chosen.method.cost for result in as_good)
        rank = "the cheapest" if n_cheapest == 1 else "among the cheapest"
        return (
            f"as good as the best for any practical end, and {rank} of {n} that are "
            f"({_saving(chosen, best)})"
        )
    if n > 1:
        runs = _RUNS[chosen.method.cost]
        return f"the best, and runs {runs}; none of {n} that are as good does with less"
    second = comparison.results[1]
    assert second.to_best is not None
    gap, other = f"{-second.to_best.difference:.3f}", second.method.title
    if second.to_best.high >= 0:
        return f"the best, {gap} ahead of {other}, which is within noise"
    return f"the best, {gap} ahead of {other}"


def _what_it_reads(chosen: MethodResult) -> list[str]:
    """Return in plain words what the detector of columns goes by, if that is recommended."""
    own = HEADS.get(chosen.method.detector or "")
    if own is None or own.reads_texts:
        return []
    return [
        "It judges a row by its columns of numbers and of words that repeat alone: no model reads "
        "it, and other words do not count."
    ]


def _at_length(best: MethodResult) -> str:
    auroc, found = best.figures[AUROC], best.figures[RECALL_AT_5].value
    return (
        f"{best.method.title}, {_in_words(best)}. Of 100 pairs of an anomalous and a normal row it "
        f"scores the anomalous one higher in {100 * auroc.value:.0f}; with 5 false alarms in 100 "
        f"normal rows it finds {100 * found:.0f} % of the anomalous ones."
    )


def _cheaper(comparison: Comparison, chosen: MethodResult) -> list[str]:
    """Return what costs less and may be as good, which these rows cannot tell.

    By the figures it is noticeably poorer, or it would be recommended itself.
    """
    for own in comparison.results:
        gap = own.to_best
        if gap is not None and gap.high >= 0 and own.method.cost < chosen.method.cost:
            return [
                f"{own.method.title} may be as good ({gap.difference:+z.3f}, {gap.low:+z.3f} to "
                f"{gap.high:+z.3f}) and costs less ({_saving(own, chosen)}); more anomalous test "
                "rows would tell."
            ]
    return []


def _saving(own: MethodResult, dearer: MethodResult) -> str:
    """Return what a method has to run for a row, and the seconds where they bear that out."""
    runs = _RUNS[own.method.cost]
    if own.s_per_1000 >= dearer.s_per_1000:
        return f"it runs {runs}"
    return (
        f"it runs {runs}, {seconds(own.s_per_1000)} s instead of {seconds(dearer.s_per_1000)} s "
        "per 1,000 rows"
    )


def _ours_in_words(comparison: Comparison) -> list[str]:
    against = comparison.best_baseline.method.title
    ours = [result for result in comparison.results if result.method.is_ours]
    gaps = [(result, result.to_best_baseline) for result in ours]
    return [
        f"{result.method.title}: {_in_words(result)}; {gap.difference:+z.3f} against the best "
        f"baseline, {against} ({gap.low:+z.3f} to {gap.high:+z.3f}): {_verdict(gap)}."
        for result, gap in gaps
        if gap is not None
    ]


def _drivers_in_words(comparison: Comparison) -> list[str]:
    said = [(result.method.title, _shares(result.drivers)) for result in comparison.results]
    return [
        f"What sets the anomalous rows apart for {title} (SHAP): {shares}."
        for title, shares in said
        if shares
    ]


def _shares(drivers: Sequence[Driver]) -> str:
    """Return the columns, or words, that tell most, each with its share; "" where none tells much.

    >>> _shares([Driver("Torque [Nm]", 0.62), Driver("Type", 0.35), Driver("Speed", 0.03)])
    'Torque [Nm] 62 %, Type 35 %, all others 3 %'
    """
    shown = [driver for driver in drivers[:_MOST_DRIVERS] if driver.share >= _LEAST_DRIVER]
    names = [one_line(driver.name, NAME_CHARACTERS) for driver in shown]
    shares = [f"{100 * driver.share:.0f} %" for driver in shown]
    said = ", ".join(" ".join(pair) for pair in zip(names, shares, strict=True))
    rest = round(100 * sum(driver.share for driver in drivers[len(shown) :]))
    return f"{said}, all others {rest} %" if said and rest else said


def _in_words(result: MethodResult) -> str:
    kind = "learned from labels" if result.method.is_supervised else "without labels"
    return f"AUROC {_bounds(result.figures[AUROC])}, {kind}"


def _bounds(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def _how(comparison: Comparison, chosen: MethodResult) -> str:
    method = chosen.method
    if method.is_ours and not comparison.is_of_files:
        own = ", ".join(filter(None, (repr(method.detector), comparison.fit_options)))
        if method.is_supervised:
            return f"Next: PolarDetector({own}).fit(X, y)."
        return f"Next: PolarDetector({own}).fit(X), of the normal rows alone."
    if method.is_ours:
        # Which `fit` would learn from, be they ever so few.
        unlabelled = "leave the anomalous rows out of TRAIN, and " if comparison.n_train[1] else ""
        of_models = comparison.model_options if method.cost > Cost.NO_MODEL else ""
        options = " ".join(filter(None, (comparison.fit_options, of_models)))
        return (
            f"Next: {'' if method.is_supervised else unlabelled}polar-detect fit TRAIN "
            f"{options} --detector {method.detector} --out FOLDER."
        )
    return f"Next: {method.recipe}; polar-detect is not needed."


def _limits(comparison: Comparison, chosen: MethodResult) -> list[str]:
    sentences = []
    if chosen.method.is_supervised:
        free = next(r for r in comparison.results if not r.method.is_supervised)
        sentences.append(
            "It learned from labelled anomalies and finds those that resemble them; for kinds "
            f"never seen, the best without labels is {free.method.title} (AUROC "
            f"{_bounds(free.figures[AUROC])})."
        )
    n_anomalous = comparison.n_test[1]
    is_near_one = n_anomalous < _FEW_ANOMALIES and chosen.figures[AUROC].value > _NEAR_ONE
    if n_anomalous < _VERY_FEW_ANOMALIES or is_near_one:
        sentences.append(
            f"Only {n_anomalous} anomalous test rows: others may give other figures, beyond the "
            "intervals too, so measure again with more."
        )
    elif n_anomalous < _FEW_ANOMALIES:
        sentences.append(
            f"Only {n_anomalous} anomalous test rows: the intervals are wide, so measure again "
            "with more."
        )
    return sentences


def signed(gap: Difference) -> str:
    """Return a difference with its interval.

    >>> signed(Difference(0.0312, -0.01, 0.07))
    '+0.031 (-0.010 to +0.070)'
    """
    return f"{gap.difference:+z.3f} ({gap.low:+z.3f} to {gap.high:+z.3f})"


def seconds(value: float) -> str:
    """Return seconds in three digits, or whole where there are more.

    >>> seconds(0.00775), seconds(43.21), seconds(1043.6)
    ('0.00775', '43.2', '1,044')
    """
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"
