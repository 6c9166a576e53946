"""Which method to take, in sentences that a person can act on; also when it is not ours."""

from polar_detect.compare.detection import DECIDES, Comparison, Figure, MethodResult
from polar_detect.compare.regression import Prediction, Predictions

_FEW_ANOMALIES = 30
_CHANCE = 0.5


def within_noise(comparison: Comparison) -> list[MethodResult]:
    """Return the methods that these test rows cannot tell from the best, cheapest first."""
    level = [result for result in comparison.results if result.to_best.high >= 0]
    return sorted(level, key=lambda result: result.s_per_1000)


def advise(comparison: Comparison) -> list[str]:
    """Return what is best, how sure that is, and what to do, a sentence or two each."""
    best, level = comparison.best, within_noise(comparison)
    chosen = level[0]
    sentences = [f"Best on these rows: {best.title}, {_in_words(best)}."]
    if best.figures[DECIDES].low <= _CHANCE:
        return [
            *sentences,
            "Recommendation: none of these. The best one is not told from chance (AUROC .5): "
            "the columns may not show the anomalies, or there are too few test rows.",
        ]
    sentences += _ours_in_words(comparison)
    if chosen is best:
        sentences.append(
            f"Recommendation: use {best.title}. It is "
            + ("the only one that good." if len(level) == 1 else "best, and the cheapest of the ")
            + ("" if len(level) == 1 else f"{len(level)} that are within noise of each other.")
        )
    else:
        sentences.append(
            f"Recommendation: use {chosen.title}. It is the cheapest of {len(level)} methods "
            f"within noise of the best ({_seconds(chosen.s_per_1000)} instead of "
            f"{_seconds(best.s_per_1000)} per 1,000 rows)."
        )
    sentences += [_how(chosen), *_limits(comparison, chosen)]
    return sentences


def advise_on_predictions(predictions: Predictions) -> list[str]:
    """Return which model predicts best, and whether signature features are worth their cost."""
    best = predictions.results[0]
    sentences = [
        f"Best on these rows: {best.title}, R² {_bounds(best.r2)}, RMSE {best.rmse.value:.4g}."
    ]
    if best.r2.low <= 0:
        return [
            *sentences,
            "Recommendation: none of these. The best one is not told from predicting the mean.",
        ]
    with_signature = [r for r in predictions.results if r.gain is not None]
    helped = [r for r in with_signature if r.gain is not None and r.gain.low > 0]
    for result in with_signature:
        assert result.gain is not None
        sentences.append(
            f"Signature features change the R² of {result.model} by {result.gain.difference:+.3f} "
            f"({result.gain.low:+.3f} to {result.gain.high:+.3f}): {_verdict(result)}."
        )
    level = [r for r in predictions.results if r.to_best.high >= 0]
    chosen = min(level, key=lambda r: r.fit_s)
    reason = "the best" if chosen is best else f"the cheapest of {len(level)} within noise of best"
    sentences.append(f"Recommendation: use {chosen.title}; it is {reason}.")
    if not helped:
        sentences.append("Leave the signature features out: they cost time and bring nothing here.")
    return sentences


def _verdict(result: Prediction) -> str:
    assert result.gain is not None
    if result.gain.low > 0:
        return "a gain"
    return "a loss" if result.gain.high < 0 else "within noise"


def _ours_in_words(comparison: Comparison) -> list[str]:
    ours = [result for result in comparison.results if result.is_ours]
    against = comparison.best_baseline
    sentences = []
    for result in ours:
        gap = result.to_best_baseline
        if gap.low > 0:
            verdict = "higher, beyond noise"
        elif gap.high < 0:
            verdict = "lower, beyond noise"
        else:
            verdict = "within noise"
        sentences.append(
            f"{result.title}: {_in_words(result)}; {gap.difference:+.3f} against the best "
            f"baseline, {against.title} ({gap.low:+.3f} to {gap.high:+.3f}): {verdict}."
        )
    return sentences


def _in_words(result: MethodResult) -> str:
    kind = "learned from labels" if result.is_supervised else "without labels"
    return f"AUROC {_bounds(result.figures[DECIDES])}, {kind}"


def _bounds(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def _how(chosen: MethodResult) -> str:
    if chosen.is_ours:
        labels = " --label-column …" if chosen.is_supervised else ""
        detector = chosen.name.removeprefix("polar-detect ")
        return f"Next: polar-detect fit TRAIN --detector {detector}{labels} --out FOLDER."
    tools = {
        "LightGBM": "lightgbm.LGBMClassifier",
        "random forest": "sklearn.ensemble.RandomForestClassifier",
        "isolation forest": "sklearn.ensemble.IsolationForest",
        "kNN": "sklearn.neighbors.NearestNeighbors (mean distance to 5)",
    }
    inputs = {
        "numbers": "the numeric columns",
        "TF-IDF": "sklearn's TfidfVectorizer",
        "MiniLM": "MiniLM sentence embeddings",
    }
    return f"Next: {tools[chosen.name]} on {inputs[chosen.view]}; polar-detect is not needed."


def _limits(comparison: Comparison, chosen: MethodResult) -> list[str]:
    sentences = []
    if chosen.is_supervised:
        free = next(r for r in comparison.results if not r.is_supervised)
        sentences.append(
            "It learned from labelled anomalies and finds those that resemble them; for kinds "
            f"never seen, the best without labels is {free.title} (AUROC "
            f"{_bounds(free.figures[DECIDES])})."
        )
    n_anomalous = comparison.n_test[1]
    if n_anomalous < _FEW_ANOMALIES:
        sentences.append(
            f"Only {n_anomalous} anomalous test rows: the intervals are wide, so measure again "
            "with more."
        )
    return sentences


def _seconds(value: float) -> str:
    return f"{value:.3g} s"
