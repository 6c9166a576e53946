"""Whether ordinary texts stay ordinary when the same is typed in another way.

    python experiments/spellings.py [--languages en,ja]

A detector is fitted on the demo's normal work orders, and scores later normal ones, as they are
and typed in other ways: in other widths, with other blanks, punctuation or case. Which of these
are the same text is for people to say; a detector that flags many of them says more about keyboards
than about work. Japanese orders are fitted with wide katakana and narrow letters throughout, as
the demo's mix both.

Prints how many texts change, the share that is flagged at 5 %, and the median score. Reads: no data
set. Takes: not noted.
"""

import argparse
import unicodedata
from collections.abc import Callable
from pathlib import Path

import common
import numpy as np
import pandas as pd

from polar_detect import PolarDetector

LANGUAGES = ("en", "ja")
_DEMO = Path(__file__).resolve().parent.parent / "data"
_FILES = {"en": "work_orders", "ja": "work_orders_ja"}
_NARROW_KANA = {unicodedata.normalize("NFKC", own): own for own in map(chr, range(0xFF61, 0xFFA0))}
_NARROW_KANA |= {"\u3099": "ﾞ", "\u309a": "ﾟ"}
_TO_WIDE = 0xFEE0  # from ASCII to the sign of the full width

Way = Callable[[str], str]


def main() -> None:
    options = _options()
    rows = []
    for language in options.languages:
        train, new = _orders(language)
        detector = PolarDetector().fit(train)
        for name, way in (_WAYS | (_JAPANESE_WAYS if language == "ja" else {})).items():
            typed = [*map(way, new)]
            n_changed = sum(own != other for own, other in zip(typed, new, strict=True))
            if name != "as it is" and not n_changed:
                continue
            assessment = detector.assess(typed)
            flagged, median = assessment.is_anomaly.mean(), np.median(assessment.scores)
            rows.append(
                [language, name, f"{n_changed} of {len(new)}", f"{flagged:.1%}", f"{median:.2f}"]
            )
            common.say(" ".join(rows[-1]))
    print(f"{common.machine()}; fitted on the demo's normal orders, seed 0\n")
    print(common.markdown_table(["language", "typed", "changed", "flagged", "median"], rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = common.some_of(LANGUAGES)
    parser.add_argument("--languages", type=known, default=LANGUAGES, help="a,b")
    return parser.parse_args()


def _orders(language: str) -> tuple[list[str], list[str]]:
    """Return normal work orders to fit on, and later ones."""
    train, new = (
        pd.read_csv(_DEMO / f"{_FILES[language]}_{part}.csv", dtype=str)
        for part in ("train", "new")
    )
    texts = train["text"], new["text"][new["label"] == "0"]
    own, other = ([unicodedata.normalize("NFKC", text) for text in part] for part in texts)
    return own, other


def _in_narrow_kana(text: str) -> str:
    """Return text with katakana, and the punctuation of that block, in half the width."""
    return "".join(_narrow(sign) for sign in text)


def _narrow(sign: str) -> str:
    apart = unicodedata.normalize("NFD", sign)
    is_narrow = all(own in _NARROW_KANA for own in apart)
    return "".join(_NARROW_KANA[own] for own in apart) if is_narrow else sign


def _widened(is_meant: Callable[[str], bool]) -> Way:
    """Return a way to type ASCII signs in the full width, those that are meant."""
    return lambda text: "".join(
        chr(ord(sign) + _TO_WIDE) if "!" <= sign <= "~" and is_meant(sign) else sign
        for sign in text
    )


_WAYS: dict[str, Way] = {
    "as it is": lambda text: text,
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "accents and voice marks apart (NFD)": lambda text: unicodedata.normalize("NFD", text),
    "CRLF behind it": lambda text: f"{text}\r\n",
    "a blank before it": lambda text: f" {text}",
    "two blanks for one": lambda text: text.replace(" ", "  "),
    "without its last full stop": lambda text: text.removesuffix(".").removesuffix("。"),
    "in quotation marks": lambda text: f'"{text}"',
    "curly apostrophes": lambda text: text.replace("'", "\u2019"),
    "capitals": str.upper,
    "small letters": str.lower,
}
_JAPANESE_WAYS: dict[str, Way] = {
    "katakana of half the width": _in_narrow_kana,
    "letters and digits of the full width": _widened(str.isalnum),
    "punctuation of the full width": _widened(lambda sign: not sign.isalnum()),
    "ideographic spaces": lambda text: text.replace(" ", "\u3000"),
    "full-width commas and stops, ，．": lambda text: text.translate(str.maketrans("、。", "，．")),
}


if __name__ == "__main__":
    main()
