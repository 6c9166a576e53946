"""What cells say of the kind of an anomalous row, such as its failure mode; or that it is none."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from polar_detect.arrays import BoolArray
from polar_detect.tables.cells.names import on_one_line
from polar_detect.tables.cells.numbers import MISSING_WORDS
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.label_words import LABEL_OF, said_by

_NOTHING = (
    "none, nothing, nil, not applicable, no failure, no fault, 特になし, 特に無し, 該当なし, "
    "該当無し, 故障なし, 不具合なし, keine, keiner, kein Fehler, aucun, aucune, ninguno, ninguna, "
    "nessuno, nessuna, nenhum, geen, ingen, brak, žádný, нет, 해당 없음"
)
_SOMETHING = (
    "unknown, unspecified, other, others, tbd, 不明, 原因不明, その他, 其他, 未知, unbekannt, "
    "sonstige, sonstiges, inconnu, autre, desconocido, otro, sconosciuto, altro, неизвестно, "
    "другое, 기타"
)
_NO_ANOMALY = {*MISSING_WORDS, *map(said_by, _NOTHING.split(", "))}
_NO_KIND = {*map(said_by, _SOMETHING.split(", "))}


class SaidKinds(NamedTuple):
    """What cells say: which rows are anomalous, and of what kind, "" where that is not said."""

    is_anomalous: BoolArray
    kinds: tuple[str, ...]


def said_kinds(cells: pd.Series) -> SaidKinds:
    """Return what a column says of the kinds of anomalous rows.

    Empty cells, dashes, words for nothing and those that call a row normal are no anomaly; words
    that call it anomalous, or of a kind that nobody knows, name none. One kind is written as it is
    at first, whatever case, width and blanks others have.

    >>> said_kinds(pd.Series(["Leak", "-", "なし", " leak", "不明", None]))
    SaidKinds(is_anomalous=array([ True, False, False,  True,  True, False]), \
kinds=('Leak', '', '', 'Leak', '', ''))
    """
    names: dict[str, str] = {}
    kinds = []
    is_anomalous = np.zeros(len(cells), np.bool_)
    for i, cell in enumerate(cells_as_text(cells)):
        word = said_by(cell)
        label = LABEL_OF.get(word)
        is_anomalous[i] = not (label is False or word in _NO_ANOMALY or not _says_any(word))
        is_named = is_anomalous[i] and word not in _NO_KIND
        if label and not word[:1].isdigit():  # numbers of kinds begin with 1, too
            is_named = False
        kinds.append(names.setdefault(word, on_one_line(cell)) if is_named else "")
    return SaidKinds(is_anomalous, tuple(kinds))


def _says_any(word: str) -> bool:
    """Return whether there is more than dashes, points and question marks."""
    return any(map(str.isalnum, word)) or LABEL_OF.get(word, False)
