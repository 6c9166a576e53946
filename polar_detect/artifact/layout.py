"""Whether the arrays of an artifact fit together, before anything calculates with them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from polar_detect.signature.labelled.wording import N_CODES


def _of_both(
    part: str, *, decoder: str = "decoder_", **layouts: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Return the layouts of a part of the language model and of the encoder."""
    models = (
        (decoder, {"layers": "layers", "hidden": "directions of a state"}),
        ("encoder_", {"layers": "layers of the encoder", "hidden": "directions of an embedding"}),
    )
    return {
        f"{model}{part}.{name}": tuple(axis.format(model=model, **axes) for axis in layout)
        for model, axes in models
        for name, layout in layouts.items()
    }


def _of_deviations(part: str, texts: str) -> dict[str, tuple[str, ...]]:
    """Return the layouts of how some texts deviate from normal ones."""
    hidden = "directions of an embedding"
    return {
        f"{part}_columns.points": ("float32", texts, "features of columns"),
        f"{part}_sentences.points": ("float32", texts, hidden),
        f"{part}_sentences.centres": ("float32", "depth", hidden),
        f"{part}_sentences.scales": ("float32", "depth", hidden),
        f"{part}_sentences.whiteners": ("float32", "depth", hidden, hidden),
    }


# Array → its type, and what it has along each axis: the same number wherever the word stands.
# Scores as new, geometry, changes, likeness, crowding, harms, labelled anomalies and what was found
# fine are not in every artifact, but all of one where there is any.
# Not here: what `statistics` and `owners` hold, which scoring does not calculate with.
_LAYOUT = {
    "embeddings": ("float32", "texts", "directions of an embedding"),
    "calibration_scores": ("float64", "held-out texts"),
    "as_new.scores": ("float64", "held-out texts"),
    "typical_calls": ("float64", "layers"),
    **_of_both(
        "geometry",
        means=("float32", "{layers}", "{hidden}"),
        directions=("float32", "{layers}", "components of {layers}", "{hidden}"),
        variances=("float32", "{layers}", "components of {layers}"),
        rests=("float32", "{layers}"),
        points=("float32", "{layers}", "texts", "components of {layers}"),
    ),
    **_of_both(
        "changes",
        centres=("float32", "{model}changes", "{hidden}"),
        scales=("float32", "{model}changes", "{hidden}"),
        whiteners=("float32", "{model}changes", "{hidden}", "{hidden}"),
    ),
    **_of_both(
        "tokens",
        decoder="",
        means=("float32", "{model}depths", "{hidden}"),
        points=("float16", "{model}depths", "{model}tokens", "{hidden}"),
        targets=("int64", "{model}tokens"),
    ),
    "neighbours.crowding": ("float32", "texts"),
    "filing.points": ("float32", "fitted texts", "directions of an embedding"),
    "filing.centre": ("float32", "directions of an embedding"),
    "menu.harms": ("float32", "searched texts", "programs"),
    "likeness.sentences.centre": ("float32", "directions of an embedding"),
    "likeness.sentences.weights": ("float32", "directions of an embedding"),
    "likeness.wording.weights": ("float32", "codes of wording"),
    **_of_deviations("known", "labelled anomalies"),
    **_of_deviations("fine", "reviewed normal texts"),
    "fine_limit.value": ("float64", "limit"),
}
_OPTIONAL = (
    *("as_new", "geometry", "changes", "likeness", "neighbours", "menu"),
    *("known_columns", "known_sentences", "fine_columns", "fine_sentences", "fine_limit"),
    "filing",
)
# What detectors have that go by columns, and so by no model.
_OF_COLUMNS = (
    *("calibration_scores", "as_new.scores"),
    *("known_columns.points", "fine_columns.points", "fine_limit.value"),
)


def check_arrays(arrays: Mapping[str, Any], *, n_layers: int, n_texts: int | None) -> None:
    """Raise `ValueError` for arrays of other types or sizes than each other, or with no numbers.

    Parameters
    ----------
    arrays : mapping of str to array
    n_layers : int
        Of the language model; 0 where there is none.
    n_texts : int, optional
        Training texts, where they are kept.
    """
    sizes = {"layers": n_layers, "codes of wording": N_CODES}
    if n_texts is not None:
        sizes["texts"] = n_texts
    for name, (dtype, *axes) in _LAYOUT.items():
        if _is_absent(name, arrays) or not (n_layers or name in _OF_COLUMNS):
            continue
        array = arrays[name]
        if array.dtype != dtype or array.ndim != len(axes):
            raise ValueError(f"array '{name}' of {array.dtype} with {array.ndim} axes")
        for axis, size in zip(axes, array.shape, strict=True):
            if size == 0 or sizes.setdefault(axis, size) != size:
                raise ValueError(f"array '{name}' with {size} {axis}")
        if not np.isfinite(array).all():
            raise ValueError(f"array '{name}' with values that are no numbers")


def _is_absent(name: str, arrays: Mapping[str, Any]) -> bool:
    """Return whether the part of an artifact that `name` belongs to is left out as a whole."""
    part = next((part for part in _OPTIONAL if f"{part}." in name), None)
    return part is not None and not any(f"{part}." in other for other in arrays)
