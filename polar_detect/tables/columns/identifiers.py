"""Cells that name something, such as a part, a tool or a lot, and columns that are called so."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from polar_detect.tables.cells.names import folded_letters
from polar_detect.tables.cells.numbers import MIN_NUMERIC, as_numbers
from polar_detect.tables.cells.units import split_unit
from polar_detect.tables.columns.dates import mostly_match

# Of the alphabets that have capitals: a sentence in another script may have no blanks.
_LETTERS = "a-zß-öø-žα-ωά-ώа-яѐ-џґ"
# Three digits behind a dash or a letter, but not 120x800 or 100-200; 2024-0012; hexadecimal.
_CODE = re.compile(
    rf"(?![\dx-]*$)[^\W\d_]{{0,8}}[-{_LETTERS}0-9_#]*(?:[-_#a-wyz]|(?<!\d)x)\d{{3}}"
    rf"[-{_LETTERS}0-9_#]*"
    r"|\d+(?:-\d+)*-0\d{2,}"
    r"|(?=[\d-]*[a-f])(?=\D*\d)[\da-f]{8}[\da-f-]*",
    re.IGNORECASE,
)
# A digit among some letters and marks, but no sentence of a language that has no blanks.
_SHORT_CODE = re.compile(rf"(?=\D*\d)[^\W\d_]{{0,8}}[-{_LETTERS}0-9_#./:+]*", re.IGNORECASE)
_WHOLE = re.compile(r"\d+")

# Names are searched in small letters without accents, where № is no: № заказа, N° OF, Nr zlecenia.
_ID_NAME = re.compile(
    r"(^|[^a-z])(id|ids|uid|udi|uuid|no|nr|n°|num|number|numer|cislo|numarasi|index|idx|key|serial"
    r"|номер)$|(nr\.|nummer|番号|コード|(?<![型牌信記符])[号號]|编号|編號|编码|編碼|번호|코드)$"
    r"|^(no\.? (?=[а-я])|nr\.? (?!of )|n° (?!de pi)|cislo |номер |หมายเลข|เลขที่"
    r"|so (hieu|se-?ri|serial))"
)
_CAMEL_ID = re.compile(r"[a-z]ID$")
_NUMBER = (
    r"(?:(?:no|nr|n°|(?<=[ .])n|num|number|nummer|numer|cislo|номер|id|code|kodu?|код)\.?"
    r"|#|番号|号|號|编号|編號|번호)"
)
_GAP = r"[ _.\-]*"
# Lots, heats, coils and wafers, in the cases in which they stand behind a word for a number.
_LOTS = """
lot lote lotto los batch charge schmelzen? schmelz coil wafer partie part[iy]a partii partida
coulee cola[td]a hornada rotolo bobina sarz[ae] tavb[ay] wytopu? wsadu?
парти[яиюї] партія плавк[аиу] садк[аи] лота? рулона?
"""
_LOTS_ANYWHERE = """
chargen schmelzen partien? ロット バッチ チャージ コイル ウェーハ ウエハ 批次? 炉次 爐次 晶[圆圓]
로트 롯트 배치 차지 코일 웨이퍼 ล็อต ล๊อต แบทช์ แบตช์
"""
# What means something else too without a word for a number: heat, load, furnace, party, low.
_LOTS_IF_NUMBERED = "heat melt cast bobine fusione parti dokum sarj bobin rulo"
_LOTS_IF_NUMBERED_ANYWHERE = """
溶解 溶湯 鋳造 ヒート キャスト 용해 용탕 주조 히트
熔炼炉? 熔煉爐? 铸造批? 鑄造批? [钢鋼]?[卷捲]
"""


def _any_of(words: str) -> str:
    return f"(?:{'|'.join(words.split())})"


_LOT_NAME = re.compile(
    rf"(?:(?<![^\W\d_]){_any_of(_LOTS)}|{_any_of(_LOTS_ANYWHERE)}){_GAP}{_NUMBER}?$"
    rf"|(?:(?<![^\W\d_]){_any_of(_LOTS_IF_NUMBERED)}|{_any_of(_LOTS_IF_NUMBERED_ANYWHERE)})"
    rf"{_GAP}{_NUMBER}$|溶番$|[炉爐]批?(?:[号號]|编号|編號)$"  # 炉番号 and 炉No are furnaces
    r"|^n° (?:de )?(?:bobine|fusione)$"
    r"|^(?:so|ma) (?:lo|me)$|^(?:lo|me) so$"  # in Vietnamese with accents: số lô, mã mẻ
)
# Of a lot they are measured: température de coulée, peso bobina, масса плавки, Gewicht Coil.
_QUANTITIES = """
temp temperatur[ae]? temperature температура темп gewicht poids peso weight waga hmotnost вес
mass[ae]? масса vitesse velocita velocidade? geschwindigkeit скорость
breite largeur larghezza largura ancho width ширина lange longueur lunghezza longitud length длина
dicke epaisseur spessore espesor espessura thickness толщина durchmesser diametre diametro диаметр
zeit temps tempo tiempo time czas время duree durata duracion menge quantite quantita cantidad
количество anzahl nombre volume volumen объем размер
"""
_QUANTITY = re.compile(rf"(?<![^\W\d_]){_any_of(_QUANTITIES)}(?![^\W\d_])")
_CAMEL_LOT = re.compile(rf"(?<=[a-z])(?:Lot|Batch|Los|Coil|Charge|Wafer){_GAP}(?i:{_NUMBER})?$")
_SOURCE_NAME = re.compile(
    r"(?:(?:source|excel|csv)?[ _.\-]*(?:file|sheet)|ファイル|シート)[ _.\-]*(?:name|名)?(?:_\d+)?",
    re.IGNORECASE,
)


def is_lot_name(name: str) -> bool:
    r"""Return whether a column is called as one is that names lots.

    >>> [*filter(is_lot_name, ["Lot", "batchNo", "Chargen-Nr.", "製造ロット番号", "Lot size"])]
    ['Lot', 'batchNo', 'Chargen-Nr.', '製造ロット番号']
    >>> [*filter(is_lot_name, ["Heat No.", "heat", "溶解番号", "溶解温度", "wafer_id"])]
    ['Heat No.', '溶解番号', 'wafer_id']
    >>> is_lot_name("Lot\nNo"), is_lot_name("ロット\n番号"), is_lot_name("ＬＯＴ　Ｎｏ．")
    (True, True, True)
    """
    plain_name = _in_a_line(name)
    lower = folded_letters(plain_name)
    if _QUANTITY.search(lower) is not None:
        return False
    return _CAMEL_LOT.search(plain_name) is not None or _LOT_NAME.search(lower) is not None


def is_source_name(name: str) -> bool:
    """Return whether a column is called as one is that names the file or sheet of each row.

    >>> [*filter(is_source_name, ["file", "Source file", "シート名", "file_2", "profile"])]
    ['file', 'Source file', 'シート名', 'file_2']
    """
    return _SOURCE_NAME.fullmatch(_in_a_line(name)) is not None


def is_id_name(name: str) -> bool:
    """Return whether a column is called as one is that names the rows.

    >>> [*filter(is_id_name, ["UDI", "Order No", "orderID", "製造番号", "humid", "Torque"])]
    ['UDI', 'Order No', 'orderID', '製造番号']
    """
    plain_name = _in_a_line(name)
    is_camel = _CAMEL_ID.search(plain_name) is not None
    return is_camel or _ID_NAME.search(folded_letters(plain_name)) is not None


def plain(cells: Sequence[str]) -> list[str]:
    """Return what the filled cells of a column say."""
    texts = (unicodedata.normalize("NFKC", text).strip() for text in cells)
    return [text for text in texts if text]


def are_codes(texts: Sequence[str], *, are_short: bool = False) -> bool:
    """Return whether nearly all are codes; short ones need one digit only, as T1 or 12/3.

    >>> are_codes(["L-101", "L-102"]), are_codes(["L1", "L2"]), are_codes(["L1"], are_short=True)
    (True, False, True)
    """
    pattern = _SHORT_CODE if are_short else _CODE
    if not mostly_match(texts, pattern):
        return False
    is_code = np.array([pattern.fullmatch(text) is not None for text in texts])
    has_unit = [split_unit(text, is_expected=False) is not None for text in texts]
    is_measured = np.array(has_unit) | ~np.isnan(as_numbers(texts))
    return bool((is_code & ~is_measured).mean() >= MIN_NUMERIC)


def are_mostly_whole(texts: Sequence[str]) -> bool:
    """Return whether nearly all consist of digits."""
    return mostly_match(texts, _WHOLE)


def are_whole(texts: Sequence[str]) -> bool:
    """Return whether all consist of digits."""
    return all(text.isdecimal() for text in texts)


def _in_a_line(name: str) -> str:
    """Return a name as it is without breaks, as of narrow cells, and without wide letters."""
    return " ".join(unicodedata.normalize("NFKC", name).split())
