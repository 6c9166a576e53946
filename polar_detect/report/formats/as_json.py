"""Render a report as JSON: everything in it, numbers as they are and names in words."""

import json
import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from polar_detect.features.table import Feature
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import Tongue
from polar_detect.program import Program
from polar_detect.report.content import phrases
from polar_detect.report.content.data import Contribution, DetectorFacts, ReportData

FORMAT = 1
# Parts whose keys stand among those of what they are part of; without a model there are none.
_OPENED = {"programs", "minimal", "models"}
# What else is left out where no model reads the rows.
_OF_MODELS = {"layers", "global_layers", "length", "tokens", "labelled_words", "new_words"}
# Keys that come last, in this order, where their part has opened ones that would come behind them.
_LAST: dict[type, tuple[str, ...]] = {
    ReportData: ("batch_calls", "versions", "numbering"),
    DetectorFacts: ("created", "max_tokens", "tolerance", "reads_rows"),
}


def render_json(data: ReportData, tongue: Tongue = "en") -> str:
    """Return `data` as JSON; what is no number (NaN, infinity) is null.

    Its keys are the fields of `ReportData`, but for those of `programs`, which stand beside the
    others, as do those of a row's `minimal` program and of the detector's `models`. Of a detector
    that goes by columns, which no model reads, these keys are missing:

    - ``typical_calls``, ``typical_length``, ``batch_length``, ``batch_calls``, ``global_layers``;
    - of ``detector``: ``model``, ``n_layers``, ``encoder``, ``max_tokens``, ``tolerance``;
    - of each of ``rows``: ``program``, ``full_loss``, ``program_loss``, ``layers``, ``tokens``,
      ``labelled_words``; of each of ``listed``: ``length``, ``new_words``;
    - of ``drift``: ``layers``;
    - of each ``feature``: ``layer``.

    A screening has no programs, so that their keys are missing; ``drift`` is null, and
    ``drift_findings`` and ``calibration_scores`` are empty.
    """
    language = data.detector.language(tongue)
    said = {
        "format": FORMAT,
        "language": language.tongue,
        "headline": phrases.headline(data, language),
        "findings": phrases.findings(data, language),
        "advice": phrases.advice(data, language, "listed"),
        "drift_findings": [],
        "rows_are_numbered": language.say(f"rows.numbered.{data.numbering}"),
    }
    if data.drift is not None:
        said["drift_findings"] = phrases.drift_sentences(data.drift, language)
    content = said | _plain(data, language)
    content["versions"] = dict(data.versions)
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return text.encode("utf-8", "replace").decode("utf-8")  # a text may hold half a character


def _plain(value: Any, language: Language) -> Any:  # noqa: PLR0911 - one kind of value each
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), language)
    if isinstance(value, Program):
        return str(value)
    if isinstance(value, Feature):
        named = {"name": value.name, "words": language.feature(value)}
        return named if language.by_columns else named | {"layer": value.layer}
    if isinstance(value, Contribution):
        words = language.part(value.source)
        return {"label": value.source.label, "words": words, "value": _plain(value.value, language)}
    if is_dataclass(value):
        return {name: _plain(own, language) for name, own in _items(value, language).items()}
    if isinstance(value, tuple | list):
        return [_plain(item, language) for item in value]
    return value


def _items(value: Any, language: Language) -> dict[str, Any]:
    """Return the keys of a part of a report, in order, with what is to be written of them."""
    items: dict[str, Any] = {}
    for field in fields(value):
        own = getattr(value, field.name)
        if field.name in _OPENED:
            items |= {} if own is None else _items(own, language)
        elif not (language.by_columns and field.name in _OF_MODELS):
            items[field.name] = own
    last = {name: items.pop(name) for name in _LAST.get(type(value), ()) if name in items}
    return items | last
