"""Render a report as JSON: everything in it, numbers as they are and names in words."""

import json
import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from polar_detect.program import Program
from polar_detect.report import phrases
from polar_detect.report.choices import Tongue
from polar_detect.report.data import Contribution, ReportData
from polar_detect.report.language import Language
from polar_detect.signature.features import Feature

FORMAT = 1


def render_json(data: ReportData, tongue: Tongue = "en") -> str:
    """Return `data` as JSON; what is no number (NaN, infinity) is null."""
    language = Language(tongue, are_rows=data.are_rows)
    said = {
        "format": FORMAT,
        "language": language.tongue,
        "headline": phrases.headline(data, language),
        "findings": phrases.findings(data, language),
        "advice": phrases.advice(data, language, "listed"),
        "drift_findings": phrases.drift_sentences(data, language),
        "rows_are_numbered": language.say(f"rows.numbered.{data.numbering}"),
    }
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
        return {"name": value.name, "words": language.feature(value), "layer": value.layer}
    if isinstance(value, Contribution):
        words = language.part(value.source)
        return {"label": value.source.label, "words": words, "value": _plain(value.value, language)}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name), language) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item, language) for item in value]
    return value
