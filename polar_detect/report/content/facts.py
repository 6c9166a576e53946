"""What a detector is and was fitted on, as facts and in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from polar_detect import calibration
from polar_detect.messages.catalogue import texts
from polar_detect.messages.formatting import moment, p_value
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import Tongue
from polar_detect.report.content.data import DetectorFacts, ModelFacts

if TYPE_CHECKING:  # torch takes seconds to import, and whoever has a detector has it
    from polar_detect.detector import PolarDetector

_NOTHING = "0%"
_AS_AUTO = {"texts": "auto"}  # heads that differ in when they are chosen alone
# What rows have where nothing counts for the former: no columns of words, or none but those.
_WITHOUT = {"new": "numbers", "numbers": "words"}


def facts_of(detector: "PolarDetector") -> DetectorFacts:
    """Return what a fitted detector is and was fitted on."""
    fitted = detector.fitted_
    return DetectorFacts(
        head=fitted.head.name,
        reason=fitted.head.reason,
        choices=fitted.head.choices,
        models=_models_of(detector) if fitted.head.reads_texts else None,
        n_train=fitted.n_whole or fitted.reference.n_fitted,
        n_passages=len(fitted.reference) if fitted.n_whole else 0,
        n_held_out=len(fitted.calibration_scores),
        n_anomalous=fitted.n_anomalous,
        created=fitted.created,
        reads_rows=detector.rows_ is not None,
        contamination=fitted.settings.contamination,
        company=fitted.company,
        conditions=() if detector.rows_ is None else tuple(detector.rows_.conditions_by_name),
    )


def _models_of(detector: "PolarDetector") -> ModelFacts:
    engine = detector.engine_
    return ModelFacts(
        model=engine.model.name,
        n_layers=detector.n_layers,
        encoder=engine.encoder_model.name,
        max_tokens=engine.extractor.tracer.max_tokens,
        tolerance=detector.fitted_.settings.tolerance,
    )


def description(detector: "PolarDetector", tongue: Tongue) -> list[tuple[str, str]]:
    """Return what a fitted detector is and was fitted on, as labels and values to stand alone."""
    own = facts_of(detector)
    language = own.language(tongue)
    smallest = p_value(calibration.smallest_alpha(own.n_held_out))
    said = [*in_words(own, language), (language.say("detector.smallest"), smallest)]
    return [(language.alone(label), value) for label, value in said]


def in_words(own: DetectorFacts, language: Language) -> list[tuple[str, str]]:
    """Return facts as labels and values."""
    kind = _kind_in_words(own, language)
    labelled: str | dict[str, object] = f"{own.n_anomalous:,}" if own.n_anomalous else ""
    if taught := own.choices.get("labelled"):
        labelled = {"n": own.n_anomalous, "share": taught}
    elif own.n_anomalous and own.choices:
        labelled = language.say("detector.labelled.few", n=own.n_anomalous)
    columns, models = own.choices.get("columns", _NOTHING), own.models
    sequences = own.choices.get("sequences")
    said: dict[str, str | dict[str, object]] = {
        "kind": kind,
        "model": {"name": models.model, "n_layers": models.n_layers} if models else "",
        "encoder": models.encoder if models else "",
        "fitted_on": "" if own.n_folds else {"n": own.n_train, "n_held_out": own.n_held_out},
        "passages": {"n": own.n_passages} if own.n_passages else "",
        "in_time": {"n": own.company.reach + 1} if own.company.reach else "",
        "by_lot": {"name": own.company.by} if own.company.by else "",
        "conditions": {"names": _quoted(own.conditions, language)} if own.conditions else "",
        "held_against": {"n": own.n_train, "n_folds": own.n_folds} if own.n_folds else "",
        "contamination": {"share": language.rate(own.contamination)} if own.contamination else "",
        "columns": "" if columns == _NOTHING else {"share": columns},
        "sequences": {"share": sequences} if sequences else "",
        "labelled": labelled,
        "created": "" if own.is_screening else moment(own.created),
        "max_tokens": {"n": models.max_tokens} if models and not own.n_passages else "",
        "tolerance": {"tolerance": f"{models.tolerance:g}"} if models and not own.n_folds else "",
    }
    written = {
        key: value if isinstance(value, str) else language.say(f"detector.{key}.text", **value)
        for key, value in said.items()
    }
    return [(language.say(f"detector.{key}"), value) for key, value in written.items() if value]


def _quoted(names: Sequence[str], language: Language) -> str:
    return language.joined(language.say("quoted", word=name) for name in names)


def _kind_in_words(own: DetectorFacts, language: Language) -> str:
    family, _, class_name = own.head.partition(":")  # PyOD's are pyod:NAME
    head = f"head.{_AS_AUTO.get(family, family)}"
    if head not in texts():
        return f"{own.head}: {own.reason}"
    if own.contamination and f"{head}.contaminated" in texts():
        head += ".contaminated"
    for choice, kind in _WITHOUT.items():
        if own.choices.get(choice) == _NOTHING and f"{head}.{kind}" in texts():
            head = f"{head}.{kind}"
            break
    return language.say(head, name=family, class_name=class_name, **own.choices)
