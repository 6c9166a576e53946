import unicodedata

import numpy as np
import pandas as pd
import pytest

from polar_detect.errors import InputError
from polar_detect.messages.language import Language
from polar_detect.tables import warn_of_judged, warn_of_verdicts
from polar_detect.tables.columns import label_words
from polar_detect.tables.columns.labels import parse_labels

# Anomalous, and normal.
JUDGED = [
    *(("NOK", "OK"), ("not OK", "OK"), ("KO", "OK"), ("n.i.O.", "i.O."), ("n. i. O.", "i. O.")),
    *(("niO", "iO"), ("Nicht in Ordnung", "in Ordnung"), ("non conforme", "conforme")),
    *(("Non-conforme", "Conforme"), ("anormal", "normal"), ("брак", "норма"), ("НЕ ОК", "ОК")),
    *(("не годен", "годен"), ("异常", "正常"), ("不合格", "合格"), ("불량", "정상")),
    *(("이상", "정상"), ("이상 있음", "이상없음"), ("불합격", "합격"), ("ผิดปกติ", "ปกติ")),
    *(("UYGUN DEĞİL", "UYGUN"), ("HATALI", "uygun")),
    *(("Schlechtteil", "Gutteil"), ("nicht konform", "konform"), ("no cumple", "cumple")),
    *(("non idoneo", "idoneo"), ("niezgodna", "zgodna"), ("NIEPRAWIDŁOWE", "prawidłowe")),
    *(("neshoda", "shoda"), ("zmetek", "vyhovuje"), ("ret", "kabul"), ("негодное", "годное")),
    *(("не соотв.", "соотв."), ("报废", "合格"), ("拒收", "允收")),
    *(("غير طبيعي", "طبيعي"), ("לא תקין", "תקין"), ("असामान्य", "सामान्य")),
]
OTHERS = [
    *(("да", "нет"), ("oui", "non"), ("si", "no"), ("Sí", "No"), ("sì", "no"), ("ja", "nein")),
    *(
        ("J", "N"),
        ("sim", "não"),
        ("tak", "nie"),
        ("evet", "hayır"),
        ("EVET", "HAYIR"),
        ("是", "否"),
        ("有", "无"),
    ),
    *(("예", "아니오"), ("نعم", "لا"), ("हाँ", "नहीं"), ("mauvais", "bon"), ("schlecht", "gut")),
    *(("refusé", "accepté"), ("rechazado", "aceptado"), ("no pasa", "pasa"), ("złe", "dobre")),
    *(("kaldı", "GEÇTİ"), ("gesperrt", "freigegeben"), ("Nacharbeit", "gut"), ("返工", "好")),
    *(("lỗi", "tốt"), ("отклонение", "принято")),
    *(("WAHR", "FALSCH"), ("VRAI", "FAUX"), ("VERDADERO", "FALSO"), ("ИСТИНА", "ЛОЖЬ")),
]


def labels(*cells, column="y"):
    lines = np.arange(len(cells)) + 2
    is_anomalous, is_given = parse_labels(pd.Series(cells, dtype=object), column, lines)
    assert is_given.all()
    return is_anomalous.tolist()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("pair", [*JUDGED, *OTHERS])
def test_labels_may_be_in_other_languages(pair, form):
    assert labels(*(unicodedata.normalize(form, cell) for cell in pair)) == [True, False]


def test_no_word_is_both_anomalous_and_normal():
    words = label_words._JUDGED, label_words._VALUED, label_words._ANSWERED
    anomalous, normal = (
        frozenset().union(*(label_words._words(own, side) for own in words)) for side in (0, 1)
    )
    assert len(anomalous) > 100 < len(normal)
    assert not anomalous & normal


@pytest.mark.parametrize(
    "cell", ["o", "O", "f", "F", "T", "NC", "√", "x", "错", "خطأ", "doğru", "perhaps"]
)
def test_what_says_different_things_is_no_label_and_it_is_said_how_to_go_on(cell):
    with pytest.raises(InputError, match="write 1 for anomalous and 0 for normal") as refused:
        labels("1", cell)
    told = Language("ja").error(str(refused.value))
    assert "異常を 1、正常を 0 に書き換える" in told


@pytest.mark.parametrize(
    "column", ["OK", "is_ok", "passed", "normal", "正常", "合格", "Conforme ?", "годен", "success"]
)
@pytest.mark.parametrize("pair", [("yes", "no"), ("1", "0"), ("True", "False"), ("oui", "non")])
def test_yes_is_not_read_as_anomalous_where_the_column_asks_what_is_normal(column, pair):
    with pytest.raises(InputError, match="where yes or 1 seems to mean normal") as refused:
        labels(*pair, column=column)
    assert "正常の意味のようです" in Language("ja").error(str(refused.value))
    assert labels("NG", "OK", column=column) == [True, False]
    assert labels(*pair, column="異常") == labels(*pair, column="label") == [True, False]


@pytest.mark.parametrize(("anomalous", "normal"), JUDGED)
def test_columns_that_judge_in_other_languages_are_warned_of(anomalous, normal):
    both = pd.DataFrame({"a": [normal, normal, anomalous]})
    assert len(warn_of_judged(both)) == 1
    assert len(warn_of_verdicts(both.iloc[:2], ["a"])) == 1


@pytest.mark.parametrize(("affirmed", "denied"), OTHERS)
def test_what_answers_any_question_is_not_warned_of(affirmed, denied):
    frame = pd.DataFrame({"a": [denied, denied, affirmed]})
    assert warn_of_judged(frame) == warn_of_verdicts(frame.iloc[:2], ["a"]) == []
