"""Units of measurement: which texts are one."""

import re
import unicodedata

from polar_detect.tables.cells.numbers import TYPED_MINUS, in_usual_digits, with_exponent

DASHES = frozenset("-‐–—―ー－")
# Behind NFKC, in lower case.
_UNITS = """
°c degc c ° k °f f pa hpa kpa mpa gpa bar mbar psi atm torr mm cm m km μm um nm inch in kg g mg t n
kn s sec ms μs min h hr hz khz mhz ghz rpm v mv kv a ma ka w kw mw wh kwh va kva ω kω μf l ml kl ppm
ppb ph j kj mj gj cal kcal db dba deg rad % ‰ 個 本 枚 回 台 件 人 秒 分 時 時間 日 円 千円 度
€ eur usd jpy chf gbp cny
kgf gf mmhg mmaq nl sccm slm wt% vol% mol% mol mmol cst hrc hv lx pcs
ft yd mil mils thou oz lb lbs lbf klbf gal gpm cfm psig psia ksi inhg hp btu
ft-lb ft-lbs ft-lbf lb-ft lbf-ft in-lb in-lbs in-lbf lb-in lbf-in oz-in in-oz
cc sccs μin uin ipm fpm sfm inh2o ton tons n-m hrb hb hbw dm vdc vac ohm kohm mω
sqin sqft cuin cuft knm mnm cnm kgfm kgfcm kgcm ipr cpm spm wph uph lpm slpm scfm scfh gph cp cps
mpas hs hra hrm hrr hbs hld hk sha shd at% mass% 質量% 重量% 体積% モル% %rh rh% ppmw ppmv ppbv
ppt μl μg ug μmol umol nmol kmol ntu fnu °bx brix mrad μrad arcsec mtorr mmh2o cmh2o μa pa·s å ev
kev mev gy kgy μsv bq dbm db(a) lm gauss oe wb mh μh nf pf ah mah var kvar με msec μsec usec hrs
hour hours mins minutes seconds days dtex denier tex gsm ea shot shots atoms ions rev/min r/min
rev/s r/s us/cm g/10min g/10分 cm3/10min ng/ml ng/l ng/g ng/m3 ng/cm2 meq/l eq/l cd/m2
stk stck stück ltr sek u/min pce pces tr/min pz giri/min pza pzas uds szt obr/min godz ks ot/min hod
adet dk d/dk dev/dk cái chiếc giờ phút giây vòng/phút
°с мм см м км мкм нм кг г мг т л мл м3 м2 па кпа мпа бар атм мбар мм.рт.ст в мв кв а ма ом вт квт
вт·ч квт·ч квтч гц кгц мгц н кн н·м дж кдж с мс мин ч час сут об/мин шт ед нв мпа·с
个 只 张 摄氏度 攝氏度 毫米 公釐 厘米 公分 微米 千克 公斤 公克 毫克 吨 噸 毫升 兆帕 千帕 帕
转/分 转/分钟 轉/分 分钟 分鐘 小时 小時 千瓦 개 매 초 분 시간 원 도
zł pln kč czk ₽ руб rub ₺ ₩ krw ₫ vnd ฿ thb kr dkk huf £ twd rmb
ชิ้น มม ซม ไมครอน กก กรัม ลิตร บาร์ นาที วินาที ชม รอบ/นาที
"""
_UNIT = frozenset(_UNITS.split())
# Said behind a number only: in brackets behind a name they may tell one column from another.
_COUNTERS = """
片 支 套 天 개월 명 건 회 대 일
セット ロール ロット ショット サイクル 回転 パレット ケース
パーセント トン キロ グラム ミリ センチ メートル リットル
年 年度 年間 月 か月 ヶ月 カ月 ヵ月 ケ月 週 週間 日間 分間 秒間 名 歳 才 社 箇所 か所 ヶ所 カ所 ヵ所
ケ所 個所 点 箱 袋 缶 束 巻 冊 匹 基 棟 足 着 杯 倍 割 万円 百万円 億円
"""
_COUNTER = frozenset(_COUNTERS.split())
# Behind a stroke only: "(rev)" behind a name is a revision, and "(R)" a radius.
_PERS = "rev r z 刃 tooth d day lot shot cycle wafer unit 年 月 週 ロット □ sq"
_PER = frozenset(_PERS.split())
_WHOLE = re.compile(
    r"(?:sq|cu)[. ](?:in|ft|yd|cm|mm|m)|shore ?[ad]"
    r"|(?:[kmh]?pa|bar|psi)[ ·]?(?:[ga]|abs|\((?:g|a|abs|gauge)\))"
    r"|w/(?:m2?k|\(m2?[· ]k\))|k?j/(?:kgk|\(kg[· ]k\))"
)
# N.m and ft.lb, but not a.m. and N.A.
_POINTED = re.compile(r"n\.m|(?=.*[a-z]{2})[a-z]+\.[a-z]+")
_CELSIUS = frozenset({"c", "degc", "deg c", "°с"})  # the last one in Cyrillic
# What is typed for a degree; NFKC makes a letter or a blank of it.
_DEGREES = str.maketrans(dict.fromkeys("\u00ba\u02da\u309c\uff9f", "°"))
# Before these m and M are a billion apart; nobody measures in Mm, however MM is written.
_MILLI_OR_MEGA = re.compile(
    r"(?<![^\W\d_])m(?=(?:pa|va?|a|ev|wh?|ω|hz|l|g|n|j|cal)(?![^\W\d_]))", re.IGNORECASE
)
OPENING, CLOSING = "([{<〔【", ")]}>〕】"  # brackets, behind NFKC
_OPEN, _CLOSE = (re.escape(brackets) for brackets in (OPENING, CLOSING))
_BRACKETED = re.compile(rf"[{_OPEN}（［](.*)[{_CLOSE}）］]")
# In the last brackets, or in all from the first one on, as in MPa(abs).
_BEHIND, _BEHIND_FIRST = (
    re.compile(rf"(.*{lazy}[^\s{_OPEN}])\s*[{_OPEN}](.*)[{_CLOSE}]", re.DOTALL)
    for lazy in ("", "?")
)
_MEASURED = re.compile(
    rf"([-+\uff0b\uff0d\u2212{TYPED_MINUS}]?[\d.,\uff0e\uff0c]+(?:e[-+]?\d+)?)(\s?)([^\d\s].*)",
    re.IGNORECASE,
)
_TIMES = re.compile("[·・*×⋅ ]")
_EXPONENT = re.compile(r"\^?[-+]?[1-4]$", re.ASCII)
_LETTER = re.compile(r"[a-zA-Zа-яА-Я](?:\^?[-+]?\d)?", re.ASCII)
# A lot 2401A, a part 1N4, the floor 2F and the network 5G are no amperes, newtons and grams.
_GLUED_LETTERS = frozenset({"h", "s", "m", "m2", "m3", "g", "V", "W"})


def is_unit(text: str) -> bool:
    """Return whether a text is a unit, in brackets or not; a dash is that of a bare number.

    >>> [is_unit(text) for text in ("℃", "[m³/h]", "-", "上")]
    [True, True, True, False]
    """
    plain = _plain(text)
    return plain in DASHES or _BRACKETED.fullmatch(plain) is not None or _is_known(plain)


def is_sure_unit(text: str) -> bool:
    """Return whether a text is a unit by itself: a letter or a remark in brackets may be data."""
    bare = text if unit_behind(f"x {text}") is None else text[1:-1].strip()
    return unit_behind(f"x [{bare}]") is not None and (len(bare) > 1 or not bare.isascii())


def without_unit(name: str) -> str:
    """Return the name of a column without a known unit that stands in brackets behind it.

    >>> [without_unit(name) for name in ("温度（℃）", "temp. [°C]", "温度(上)", "[℃]")]
    ['温度', 'temp.', '温度(上)', '[℃]']
    """
    found = _behind(name)
    return name if found is None else found[0]


def unit_behind(name: str) -> str | None:
    """Return the known unit that stands in brackets behind the name of a column.

    >>> [unit_behind(name) for name in ("温度（℃）", "温度(上)")]
    ['°C', None]
    """
    found = _behind(name)
    return None if found is None else found[1]


def unit_as_written(name: str) -> tuple[str, str]:
    """Return the name of a column and the brackets with its unit, each as written.

    >>> [unit_as_written(name) for name in ("温度 [℃]", "P [MPa(abs)]", "温度(上)", "Load")]
    [('温度', '[℃]'), ('P', '[MPa(abs)]'), ('温度(上)', ''), ('Load', '')]
    """
    found = _behind(name)
    if found is not None:
        for start, sign in enumerate(name):
            if _plain(sign) in OPENING and _plain(name[:start]).strip() == found[0].strip():
                return name[:start].rstrip(), name[start:].strip()
    return name, ""


def are_same_units(first: str, second: str) -> bool:
    """Return whether two texts are one unit: case is free, but mPa is not MPa.

    >>> [are_same_units("MPa", unit) for unit in ("Mpa", "mPa")], are_same_units("C", "℃")
    ([True, False], True)
    """
    return spelled(first) == spelled(second)


def split_unit(text: str, *, is_expected: bool = True) -> tuple[str, str] | None:
    """Return a number and the known unit behind it; None for any other text.

    Where no unit is expected, a letter right behind the digits is seldom one.

    >>> split_unit("186.1℃"), split_unit("５m³/h"), split_unit("2024年"), split_unit("3号機")
    (('186.1', '°C'), ('５', 'm3/h'), ('2024', '年'), None)
    >>> split_unit("2401A"), split_unit("2401A", is_expected=False)
    (('2401', 'A'), None)
    """
    found = _MEASURED.fullmatch(in_usual_digits(with_exponent(text)).strip())
    if found is None:
        return None
    unit = _plain(found[3])
    bracketed = _BRACKETED.fullmatch(unit)
    unit = bracketed[1].strip() if bracketed else unit
    is_glued = not found[2] and _LETTER.fullmatch(unit) and unit not in _GLUED_LETTERS
    is_part_of_code = not is_expected and (is_glued or unit in {"C", "c"})
    is_known = _is_known(unit) or unit in _COUNTER
    return (found[1], unit) if is_known and not is_part_of_code else None


def with_unit(name: str, unit: str) -> str:
    """Return the name of a column with its unit in brackets."""
    bracketed = _BRACKETED.fullmatch(unit)
    plain = bracketed[1].strip() if bracketed else unit
    if plain in DASHES or not plain:
        return name
    return f"{name} [{plain}]".strip()


def _behind(name: str) -> tuple[str, str] | None:
    """Return a name without the known unit in brackets behind it, and the unit."""
    plain = _plain(name)
    if not plain.endswith(tuple(CLOSING)):  # a text of many brackets would be searched from each
        return None
    for pattern in (_BEHIND, _BEHIND_FIRST):
        found = pattern.fullmatch(plain)
        if found is not None and _is_known(unit := found[2].strip()):
            return found[1], unit
    return None


def _is_known(plain: str) -> bool:
    lower = plain.lower().replace("\N{MINUS SIGN}", "-").removesuffix(".")
    if lower in _UNIT or _WHOLE.fullmatch(lower):
        return True
    over, *per = lower.split("/")
    over = over.replace(".", "·") if _POINTED.fullmatch(over) else over
    is_rate = bool(per) and over in {"", "1"}  # /min, 1/s
    products = per if is_rate else [over, *per]
    parts = [part for product in products for part in _TIMES.split(product)]
    return all(
        part in _UNIT or _EXPONENT.sub("", part) in _UNIT or (part in _PER and part in per)
        for part in parts
    )


def spelled(unit: str) -> str:
    """Return what spellings of one unit have in common: case is free, but mPa is not MPa."""
    marked = _MILLI_OR_MEGA.sub(lambda found: "mega" if found[0] == "M" else "milli", _plain(unit))
    lower = marked.lower()
    return "°c" if lower in _CELSIUS else lower


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_DEGREES)).strip()
