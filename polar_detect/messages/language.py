"""What is said, in one language, and how that language lists and counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from unicodedata import bidirectional

from polar_detect.errors import InputError
from polar_detect.features.of_columns import Expected, column_of, kind_of
from polar_detect.features.of_sequences import OddEntry
from polar_detect.features.table import Feature
from polar_detect.messages.catalogue import sentences, texts
from polar_detect.messages.formatting import NAME_CHARACTERS, cell_range, one_line
from polar_detect.messages.forms import Form
from polar_detect.messages.sources import Column, Group, Layer, Source
from polar_detect.messages.tongues import TONGUES, Tongue
from polar_detect.texts.visible import visible

# What stands in a sentence under a name is looked up under that name, or under this kind.
_KIND_OF = {"cause": "errors", "notice": "notices", "method": "cell", "other": "cell"}
_TURNS = {"R", "AL"}  # kinds of letters that are written from right to left
_OF_ORDER = {"order", "start", "end"}  # kinds of odd entries of which another one may be usual
_ENTRY_CHARACTERS = 60
_UNITS = ("text", "texts", "counter")  # what is scored, which every text may name


@dataclass(frozen=True, slots=True)
class Language:
    """The texts of one language.

    Parameters
    ----------
    tongue : {"en", "ja"}
    are_rows : bool
        Whether what is scored are rows of a table, and called so.
    isolates : bool
        Whether Arabic or Hebrew in a sentence stands between signs that keep it from turning round
        what follows it. For pages, which heed them; terminals and fonts may show them.
    by_columns : bool
        Whether the detector goes by the columns of rows, and no model reads them. Texts that speak
        of models, layers or words then have another wording.
    is_screening : bool
        Whether each text was held against the others of its set, none of which is known as normal.

    Raises
    ------
    InputError
        There are none in that language.

    Examples
    --------
    >>> Language("en").say("card.row.sheet", row=1234)
    'Row 1,234 of the sheet'
    >>> Language("ja").say("layer", layer=11)
    '第11層'
    >>> Language("en", are_rows=True).say("card.this")
    'this row'
    """

    tongue: Tongue = "en"
    are_rows: bool = False
    isolates: bool = False
    by_columns: bool = False
    is_screening: bool = False

    def __post_init__(self) -> None:
        if self.tongue not in TONGUES:
            raise InputError(f"Got language '{self.tongue}'; expected {' or '.join(TONGUES)}.")

    def say(self, key: str, /, **values: object) -> str:
        """Return the text of `key` with its placeholders filled; integers with separators."""
        return self._filled(self._texts(key)[self.tongue], values)

    def count(self, key: str, n: int, /, **values: object) -> str:
        """Return the text of `key` for `n` things, which it knows as ``{n}`` unless given."""
        own = self._texts(key)
        one_or_many = own["one"] if n == 1 and "one" in own else own
        return self._filled(one_or_many[self.tongue], {"n": n, **values})

    def _texts(self, key: str) -> Mapping[str, Any]:
        """Return a text in each language, as it is worded for the detector."""
        own = texts()[key]
        return own.get("columns", own) if self.by_columns else own

    def _filled(self, text: str, values: Mapping[str, object]) -> str:
        kind = "row" if self.are_rows else "text"
        units = {name: texts()[f"unit.{kind}.{name}"][self.tongue] for name in _UNITS}
        normal = texts()["normal.others" if self.is_screening else "normal.known"][self.tongue]
        written = {
            name: f"{value:,}" if isinstance(value, int) else self.isolated(str(value))
            for name, value in values.items()
        }
        return text.format_map(units | {"normal": normal} | written)

    def isolated(self, text: str) -> str:
        r"""Return foreign text as it stands in a sentence: Arabic or Hebrew apart, if it should.

        Source: Unicode Standard Annex 9, section 2.7.

        >>> Language("en", isolates=True).isolated("صمام")
        '\u2068صمام\u2069'
        """
        is_apart = "\u2068" in text  # in a sentence that stands in another one
        if not self.isolates or is_apart or _TURNS.isdisjoint(map(bidirectional, text)):
            return text
        return f"\u2068{text}\u2069"

    def joined(self, names: Iterable[str]) -> str:
        """Return `names` as a list in a sentence.

        >>> Language("en").joined(["L1", "L2", "context"])
        'L1, L2 and context'
        """
        *head, last = names
        return self.say("comma").join(head) + self.say("and") + last if head else last

    def alone(self, label: str) -> str:
        """Return a label as it is written where it stands alone.

        >>> Language("en").alone("smallest p-value"), Language("ja").alone("p値の最小値")
        ('Smallest p-value', 'p値の最小値')
        """
        return label[:1].upper() + label[1:] if self.tongue == "en" else label

    def percent(self, share: float) -> str:
        """Return a share in per cent, with a decimal only where it matters.

        >>> Language("en").percent(0.05), Language("ja").percent(0.005)
        ('5 %', '0.5%')
        """
        decimals = 1 if 0 < share < 0.01 else 0
        return self.say("percent", number=f"{share * 100:.{decimals}f}")

    def rate(self, share: float) -> str:
        """Return a share that somebody chose in per cent, as it was chosen.

        >>> Language("en").rate(0.125), Language("ja").rate(0.05)
        ('12.5 %', '5%')
        """
        return self.say("percent", number=f"{100 * share:.3g}")

    def part(self, source: Source) -> str:
        """Return where a part of a score comes from, in words.

        >>> Language("en").part(Layer(11)), Language("en").part(Group("loss"))
        ('layer 11', 'predictability')
        """
        match source:
            case Layer(index):
                return self.say("layer", layer=index)
            case Column(name):
                return self.say("part.column", name=_short(name))
            case Group(name):
                return self.say(f"group.{name}") if f"group.{name}" in texts() else visible(name)

    def reason(self, source: Source) -> str:
        """Return what it means that a score was raised from there.

        >>> Language("en").reason(Group("context")), Language("en").reason(Layer(11))
        ('little help from similar texts', 'unlike normal texts at layer 11')
        """
        match source:
            case Layer(index):
                return self.say("reason.layer", layer=index)
            case Column():
                return self._reason_of_column(source)
            case Group():
                return self._reason_of_group(source)

    def _reason_of_column(self, source: Column) -> str:
        match source:
            case Column(name, True):
                return self.say("reason.column.empty", name=_short(name))
            case Column(name, expected=expected) if expected is not None:
                return self._misfiled(name, expected)
            case Column(meant=float(number)):
                reason = self._reason_of_column(source.of_any_number)
                return self.say("reason.column.meant", reason=reason, number=f"{number:.12g}")
            case Column(name, _, ()):
                key = _ODD[source.direction, source.is_beside_all]
                return self.say(key, name=_short(name))
            case Column(name, _, beside):
                others = self.joined(self.say("quoted", word=_short(own)) for own in beside)
                key = _ODD_FOR_OTHERS[source.direction]
                return self.say(key, name=_short(name), others=others)

    def _reason_of_group(self, source: Group) -> str:
        if source.entry is not None:
            return self._odd_entry(source.entry)
        key = f"reason.{source.name}"
        return self.say(key) if key in texts() else self.part(source)

    def _misfiled(self, name: str, expected: Expected) -> str:
        """Return that a cell does not go with the free text of its row."""
        if isinstance(expected, str):
            return self.say("reason.column.misfiled", name=_short(name), expected=_short(expected))
        low, high = cell_range(*expected)
        return self.say("reason.column.misfiled.number", name=_short(name), low=low, high=high)

    def _odd_entry(self, odd: OddEntry) -> str:
        """Return which entry of a text is missing, out of place or there too often."""
        key = f"reason.sequence.{odd.kind}"
        if odd.kind in _OF_ORDER:
            key += ".rare" if odd.usual is None else ".last" * (not odd.usual)
        elif odd.behind:
            key += ".behind"
        return self.say(
            key,
            entry=one_line(odd.entry, _ENTRY_CHARACTERS),
            behind=one_line(odd.behind, _ENTRY_CHARACTERS),
            usual=one_line(odd.usual or "", _ENTRY_CHARACTERS),
            n=odd.n,
            n_usual=odd.n_usual,
        )

    def stage(self, name: str) -> str:
        """Return the name of a stage of a long run."""
        return self.say(f"stage.{name}") if f"stage.{name}" in texts() else name

    def notice(self, sentence: str) -> str:
        """Return what reading a table said; an unknown sentence as it is.

        >>> Language("ja").notice("read as CP932; pass --encoding if that is wrong")
        'CP932として読みました（違う場合は --encoding を指定）'
        """
        return self._known("notices", sentence)

    def error(self, sentence: str) -> str:
        """Return the message of an error; an unknown one as it is.

        >>> Language("ja").error("Got a.csv without any text; expected at least one row; check the "
        ... "file.")
        'a.csv に内容がありません。ファイルを確認してください。'
        """
        return self._known("errors", sentence)

    def fault(self, sentence: str) -> str:
        """Return why a row cannot be read; an unknown reason as it is.

        >>> Language("ja").fault("2 cells; the header has 8")
        'セル2個に対し、見出しは8列'
        """
        return self._known("fault", sentence)

    def compared(self, sentence: str) -> str:
        """Return a sentence of what `compare` says; an unknown one as it is."""
        return self._known("compared", sentence)

    def inspected(self, said: str) -> str:
        """Return what `inspect` says; settings, names and hashes as they are."""
        return self._known("inspected", said)

    def heading(self, name: str) -> str:
        """Return the name of a column of what `compare` found."""
        return self._known("heading", name)

    def cell(self, value: str) -> str:
        """Return a cell of what `compare` found."""
        return self._known("cell", value)

    def _known(self, kind: str, sentence: str) -> str:
        """Return an English sentence of that kind in this language, and so what stands in it."""
        for form, japanese in _forms(kind) if self.tongue == "ja" else ():
            if (found := form.match(sentence)) is not None:
                inner = {
                    name: self._known(_KIND_OF.get(name, name), value)
                    for name, value in found.items()
                }
                return japanese.format_map(inner)
        return sentence

    def feature(self, feature: Feature) -> str:
        """Return a feature in words; an unknown one by its printed name.

        >>> Language("en").feature(Feature("context", "ratio"))
        'share of the loss that stays with normal texts in view'
        """
        if feature.group == "layer" and feature.layer is not None:
            return self.say("layer", layer=feature.layer)
        if (column := column_of(feature)) is not None:
            kind = kind_of(feature)
            key = "feature.column" if kind is None else f"feature.column.{kind}"
            return self.say(key, name=_short(column))
        key = "feature." + Feature(feature.group, feature.kind).name
        if feature.number is not None:
            key += "/N"
        if feature.layer is not None:
            key += "/L"
        if key not in texts():
            return visible(feature.name)
        return self.say(key, layer=feature.layer, number=feature.number)


ENGLISH = Language()


@cache
def _forms(kind: str) -> list[tuple[Form, str]]:
    """Return the forms of a kind of sentence, or of what stands in one, each with the Japanese."""
    return [(Form.of(english), japanese) for english, japanese in sentences().get(kind, {}).items()]


# What is odd about a number, by whether it is too low or too high, and beside the others.
_ODD = {
    (0, False): "reason.column.named",
    (1, False): "reason.column.high",
    (-1, False): "reason.column.low",
    (1, True): "reason.column.high.beside",
    (-1, True): "reason.column.low.beside",
}
_ODD_FOR_OTHERS = {
    0: "reason.column.beside",
    1: "reason.column.high.for",
    -1: "reason.column.low.for",
}


def _short(column: str) -> str:
    return one_line(column, NAME_CHARACTERS)
