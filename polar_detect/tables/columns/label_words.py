"""What people who inspect write of what they have seen, in several languages: 異常, n.i.O., брак.

Hides how such words are folded. What says the opposite elsewhere, or something else, is in no list:
a French o (oui) looks like a Japanese ○ (good), f is false or fail, nc non conforme or not checked,
Turkish doğru true or right.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from polar_detect.tables.cells.numbers import in_usual_digits
from polar_detect.texts.visible import without_unseen

# Of each language what says anomalous, and what normal; nothing else is meant by these.
_JUDGED = {
    "English": (
        "NG, NOK, not OK, KO, fail, failed, anomaly, anomalous, abnormal, not normal, defective, "
        "faulty, defect, nonconforming, outlier",
        "OK, pass, passed, normal, false alarm, no defect, conforming, inlier",
    ),
    "Japanese": (
        "異常, 異常あり, 異常有り, 異常有, 不良, 不良品, 不合格, 不適合, NG品, 要確認",
        "正常, 異常なし, 異常無し, 異常無, 問題なし, 問題無し, 良品, 合格, 適合, OK品, 誤検出, "
        "誤検知, 誤報",
    ),
    "Chinese": (
        "异常, 有异常, 不正常, 不良, 不合格品, 次品, 废品, 未通过, 不通过, 不符合, 有異常, 廢品, "
        "未通過, 不通過, 报废, 報廢, 拒收",
        "正常, 无异常, 合格品, 通过, 符合, 误报, 無異常, 通過, 誤報, 允收",
    ),
    "Korean": (
        "이상, 이상 있음, 비정상, 불량, 불량품, 불합격, 부적합, 결함",
        "정상, 이상 없음, 양품, 합격, 적합, 오탐, 오경보",
    ),
    "German": (
        "n. i. O., nicht i. O., nicht in Ordnung, nicht OK, fehlerhaft, defekt, Ausschuss, anomal, "
        "anormal, nicht normal, auffällig, nicht bestanden, nicht konform, Schlechtteil",
        "i. O., in Ordnung, fehlerfrei, unauffällig, bestanden, Fehlalarm, konform, Gutteil",
    ),
    "French": (
        "non conforme, anormal, anormale, anomalie, défectueux, défectueuse, rebut, pas OK",
        "conforme, normale, rien à signaler, fausse alarme",
    ),
    "Spanish": (
        "no conforme, anómalo, anómala, anomalía, defectuoso, defectuosa, no apto, no OK, "
        "no cumple",
        "apto, falsa alarma, cumple",
    ),
    "Italian": (
        "anomalo, anomala, anomalia, anormale, difettoso, difettosa, scarto, non idoneo",
        "falso allarme, idoneo",
    ),
    "Portuguese": (
        "não conforme, nao conforme, anômalo, anómalo, defeituoso, reprovado",
        "aprovado, falso alarme",
    ),
    "Dutch": ("niet OK, niet in orde, afwijkend, afgekeurd", "in orde, goedgekeurd, normaal"),
    "Swedish": ("ej OK, inte OK, underkänd, onormal, avvikande", "godkänd"),
    "Danish and Norwegian": (
        "ikke OK, ikke godkendt, ikke godkjent, underkjent, unormal",
        "godkendt, godkjent",
    ),
    "Polish": (
        "niezgodny, niezgodna, niezgodne, wadliwy, wadliwa, nieprawidłowy, nieprawidłowa, "
        "nieprawidłowe, poza normą",
        "zgodny, zgodna, zgodne, prawidłowy, prawidłowa, prawidłowe, w normie",
    ),
    "Czech": (
        "vadný, vadná, neshodný, neshodná, neshoda, nevyhovuje, zmetek",
        "vyhovuje, v pořádku, shodný, shodná, shoda",
    ),
    "Turkish": (
        "hatalı, arızalı, kusurlu, uygun değil, uygunsuz, ret, reddedildi",
        "uygun, kabul, kabul edildi",
    ),
    "Russian": (
        "брак, не годен, негоден, не норма, не в норме, аномалия, неисправен, неисправно, дефект, "
        "не соответствует, не соотв., ненормально, не ОК, негодное, забраковано",
        "норма, в норме, годен, годное, исправен, исправно, соответствует, соотв., нормально, "
        "ложная тревога, ОК",
    ),
    "Ukrainian": ("несправний, несправно, непридатний", "справний, справно, придатний"),
    "Greek": ("ελαττωματικό, μη φυσιολογικό", "φυσιολογικό, κανονικό, εντάξει"),
    "Arabic": ("غير طبيعي, معيب, غير مطابق, شاذ", "طبيعي, سليم, مطابق"),
    "Hebrew": ("לא תקין, פגום, חריג", "תקין"),
    "Persian": ("غیرعادی, معیوب", "عادی, سالم"),
    "Hindi": ("असामान्य, दोषपूर्ण", "सामान्य"),
    "Thai": ("ผิดปกติ, ไม่ปกติ, ไม่ผ่าน", "ปกติ, ผ่าน"),
    "Vietnamese": ("bất thường, không đạt", "bình thường, đạt"),
    "Indonesian": ("tidak normal, cacat, tidak lulus", "lulus"),
}
# What may be said of something else than the row, too: bad, and good.
_VALUED = {
    "English": ("bad, reject, rejected", "good, accept, accepted"),
    "Japanese": ("×, ✕, ✖, ╳, 問題あり, 問題有り, 故障", "○, ◯, 〇, ◎, 良, 良好"),
    "Chinese": ("坏, 返工", "好"),
    "Korean": ("고장", "양호"),
    "German": ("schlecht, gesperrt, Nacharbeit", "gut, freigegeben"),
    "French": (
        "mauvais, mauvaise, refusé, rejeté, inacceptable",
        "bon, bonne, accepté, acceptable",
    ),
    "Spanish": (
        "malo, mala, rechazado, rechazada, no pasa",
        "bueno, buena, aceptado, aceptada, aprobado, aprobada, pasa",
    ),
    "Italian": ("cattivo, respinto", "buono, accettato"),
    "Portuguese": ("ruim, mau", "bom, boa"),
    "Dutch": ("slecht", "goed"),
    "Polish": ("zły, zła, złe", "dobry, dobra, dobre"),
    "Czech": ("špatný", "dobrý, dobrá"),
    "Russian": ("плохо, плохой, отклонение", "хорошо, хороший, принято"),
    "Turkish": ("kötü, kaldı", "iyi, geçti, sağlam"),
    "Thai": ("เสีย", "ดี"),
    "Vietnamese": ("xấu, lỗi, hỏng", "tốt"),
    "Indonesian": ("rusak, buruk", "baik"),
}
# What answers whatever the name of the column asks; among them how Excel writes TRUE and FALSE.
_ANSWERED = {
    "English": ("1, 1.0, true, yes, y", "0, 0.0, false, no, n"),
    "Japanese": ("あり, 有, はい", "なし, 無, いいえ"),
    "Chinese": ("是, 有", "否, 不是, 无, 無, 没有"),
    "Korean": ("예, 네, 있음", "아니오, 아니요, 없음"),
    "German": ("ja, j, wahr", "nein, falsch"),
    "French": ("oui, vrai", "non, faux"),
    "Spanish": ("sí, si, verdadero", "falso"),
    "Italian": ("sì, vero", "no"),
    "Portuguese": ("sim, verdadeiro", "não, nao"),
    "Dutch": ("waar", "nee, onwaar"),
    "Scandinavian": ("sant, sand, sann", "nej, nei, falskt, falsk, usann"),
    "Polish": ("tak, prawda", "nie, fałsz"),
    "Czech": ("ano, pravda", "ne, nepravda"),
    "Hungarian": ("igen, igaz", "nem, hamis"),
    "Finnish": ("kyllä, tosi", "ei, epätosi"),
    "Romanian": ("da", "nu"),
    "Turkish": ("evet", "hayır"),
    "Russian": ("да, истина", "нет, ложь"),
    "Ukrainian": ("так", "ні"),
    "Greek": ("ναι", "όχι, οχι"),
    "Arabic": ("نعم", "لا"),
    "Hebrew": ("כן", "לא"),
    "Persian": ("بله", "خیر"),
    "Hindi": ("हाँ, हां", "नहीं"),
    "Thai": ("ใช่, มี", "ไม่ใช่, ไม่มี"),
    "Vietnamese": ("có", "không"),
    "Indonesian": ("ya", "tidak"),
}
# Of columns that ask whether a row is normal, beside what calls it so.
_ASKED = (
    "success, successful, succeeded, valid, compliant, conformity, conformité, conformidad, "
    "conformità, conformidade, konform, Konformität, годность, исправность"
)
# German has both i. O. and iO, French both non conforme and non-conforme, and Persian joins the
# letters of a word by a sign that nobody sees. Numbers keep their point.
_BETWEEN = re.compile("[\\s._\u200c\u2010-\u2015-]+")


def said_by(cell: str) -> str:
    r"""Return what a cell says, as labels are listed: without what different people write in it.

    That is width, case, blanks, points, hyphens, and what nobody sees.

    >>> [said_by(cell) for cell in ("\u200eＯＫ ", "N. i. O.", "non-conforme", "١", "1.0")]
    ['ok', 'nio', 'nonconforme', '1', '1.0']
    """
    plain = in_usual_digits(unicodedata.normalize("NFKC", without_unseen(cell))).strip().lower()
    plain = plain.replace("i\u0307", "i").replace("ı", "i")  # of Turkish in capitals: İ and I
    return _BETWEEN.sub("", plain) if any(map(str.isalpha, plain)) else plain


def asks_for_normal(name: str) -> bool:
    """Return whether yes means a normal row in a column of this name.

    >>> [asks_for_normal(name) for name in ("is_ok", "Conforme ?", "合格", "defect", "label")]
    [True, True, True, False, False]
    """
    said = said_by(name).rstrip("?").removeprefix("is")
    return said in _CALLED_NORMAL or said in _NAMES_OF_NORMAL


def _words(listed: Mapping[str, tuple[str, str]], side: int) -> frozenset[str]:
    return frozenset(word for pair in listed.values() for word in _split(pair[side]))


def _split(listed: str) -> Iterable[str]:
    return map(said_by, listed.split(", "))


ANSWERS = _words(_ANSWERED, 0) | _words(_ANSWERED, 1)
JUDGED = _words(_JUDGED, 0) | _words(_JUDGED, 1)
_CALLED_NORMAL = _words(_JUDGED, 1) | _words(_VALUED, 1)
_NAMES_OF_NORMAL = frozenset(_split(_ASKED))
LABEL_OF: Mapping[str, bool] = {
    **dict.fromkeys(_words(_JUDGED, 0) | _words(_VALUED, 0) | _words(_ANSWERED, 0), True),
    **dict.fromkeys(_CALLED_NORMAL | _words(_ANSWERED, 1), False),
}
