import json
import math
import re
import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from japanese import is_japanese

from polar_detect.errors import ArtifactError, InputError
from polar_detect.messages.language import Language
from polar_detect.signature.columns.scale import ColumnScale
from polar_detect.tables import (
    ReadOptions,
    RowColumns,
    RowSample,
    RowTemplate,
    cells_as_text,
    choose_text_column,
    open_table,
    read_table,
    texts_of_file,
    warn_of_forms,
    warn_of_length,
    warn_of_lost_numbers,
    warn_of_new_values,
    warn_of_words,
    write_table,
)
from polar_detect.tables.cells.deviations import without_deviation
from polar_detect.tables.cells.number_form import NumberForm, has_decimal_commas
from polar_detect.tables.cells.numbers import as_numbers
from polar_detect.tables.columns.new_values import new_later, new_values
from polar_detect.tables.columns.selection import find_columns
from polar_detect.tables.rows.categories import categories_of
from polar_detect.tables.rows.decimals import ABOVE_ZERO
from polar_detect.tables.rows.parsed import NumericColumns

MACHINES = """\
UDI,Type,Air temperature [K],Speed [rpm],Torque [Nm],Comment
1,M,298.1,1551,42.83,
2,L,298.2,1408,46.31,"belt
replaced"
3,L,nan,1498,-0.04,N/A
4,H,304.5,2900,3.8,-
"""


def numbers_in(template, frame):
    """Return the columns of numbers of a template, as they are in a table."""
    forms = {own.name: own.form if own.is_numeric else None for own in template.columns}
    called = find_columns([*frame.columns], forms)
    cells = [own.form.bare(frame[called[own.name]]) for own in template.numeric]
    names = [own.name for own in template.numeric]
    return NumericColumns.of(names, cells, len(frame), template.notation)


@pytest.fixture
def machines(tmp_path):
    path = tmp_path / "machines.csv"
    path.write_text(MACHINES)
    return path


def frame_of(path):
    (chunk,) = open_table(path).chunks()
    return chunk.frame


# Rows as text


def test_a_row_is_written_with_names_units_rounded_numbers_and_missing_values_said(machines):
    table = read_table(machines, rows=RowColumns())
    assert table.text_column is None
    assert table.texts[:2] == [
        "UDI: 1; Type: M; Air temperature [K]: 298.1; Speed [rpm]: 1551; Torque [Nm]: 42.83; "
        "Comment: missing",
        "UDI: 2; Type: L; Air temperature [K]: 298.2; Speed [rpm]: 1408; Torque [Nm]: 46.31; "
        "Comment: belt replaced",
    ]
    assert table.rounded().texts == [
        "UDI: 1; Type: M; Air temperature [K]: 298.1; Speed [rpm]: 1551; Torque [Nm]: 43; "
        "Comment: missing",
        "UDI: 2; Type: L; Air temperature [K]: 298.2; Speed [rpm]: 1408; Torque [Nm]: 46; "
        "Comment: belt replaced",
        "UDI: 3; Type: L; Air temperature [K]: missing; Speed [rpm]: 1498; Torque [Nm]: 0; "
        "Comment: missing",
        "UDI: 4; Type: H; Air temperature [K]: 304.5; Speed [rpm]: 2900; Torque [Nm]: 4; "
        "Comment: -",
    ]


def test_only_the_columns_asked_for_are_written_in_that_order(machines):
    table = read_table(machines, rows=RowColumns("Speed [rpm], Type"))
    assert table.texts[0] == "Speed [rpm]: 1551; Type: M"
    assert list(table.frame.columns) == ["UDI", "Type", "Air temperature [K]", "Speed [rpm]",
                                         "Torque [Nm]", "Comment"]  # fmt: skip


def test_the_label_column_is_no_part_of_all_columns(machines):
    frame = frame_of(machines)
    assert RowColumns().choose(list(frame.columns), others=["UDI"])[0] == "Type"
    assert RowColumns("UDI").choose(list(frame.columns), others=["UDI"]) == ["UDI"]


def test_later_rows_are_written_as_the_first_ones_were(machines, tmp_path):
    template = read_table(machines, rows=RowColumns()).template
    assert template is not None
    later = tmp_path / "later.csv"
    later.write_text(
        "Comment,Torque [Nm],Speed [rpm],Air temperature [K],Type,UDI\n"
        "ok,12.3456789,1e3,broken,M,5\n"
    )
    stored = RowTemplate.from_json(json.loads(json.dumps(template.to_json())))
    assert stored == template
    assert read_table(later, rows=stored).texts == [
        "UDI: 5; Type: M; Air temperature [K]: broken; Speed [rpm]: 1000; Torque [Nm]: 12.346; "
        "Comment: ok",
    ]
    control = read_table(later, rows=RowColumns("Torque [Nm]"))  # fitted on its own single row
    assert control.texts == ["Torque [Nm]: 12.3456789"]


def test_a_row_of_a_file_without_a_filled_cell_has_no_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,Type,Torque [Nm]\n,,\n8:00,M,42.8\n8:01,,\n8:02,N/A,-\n , ,\n,,-\n")
    table = read_table(path, rows=RowColumns("Type,Torque"))
    nothing = "Type: missing; Torque [Nm]: missing"
    assert table.texts == ["", "Type: M; Torque [Nm]: 42.8", nothing, nothing, "", nothing]
    assert len(table.frame) == 6


def test_a_row_of_null_cells_has_no_text():
    frame = pd.DataFrame(
        {"a": ["x", None], "b": [1.5, math.nan], "c": pd.array([1, None], "Int64")}
    )
    assert texts_of_file(frame, RowTemplate.fit(frame, ["a", "b"])) == ["a: x; b: 1.5", ""]


def test_a_small_spread_keeps_the_decimals_that_tell_values_apart():
    frame = pd.DataFrame({
        "p": [f"{101325 + i / 100:.2f}" for i in range(100)],
        "tiny": [f"{i * 1e-6:.8f}" for i in range(100)],
        "whole": [str(i * 1000) for i in range(100)],
        "same": ["2.50"] * 100,
    }, dtype=str)  # fmt: skip
    text = RowTemplate.fit(frame, list(frame.columns)).texts(frame)[7]
    assert text == "p: 101325.07; tiny: 0.000007; whole: 7000; same: 2.50"


def test_numbers_that_differ_in_their_last_bit_are_written():
    first = 56.21  # a twentieth of it and of the next one are the same number
    values = np.repeat([first, np.nextafter(first, 100)], 10)
    frame = pd.DataFrame({"x": [repr(float(value)) for value in values]}, dtype=str)
    numbers = numbers_in(RowTemplate.fit(frame, ["x"]), frame).values[:, 0]
    np.testing.assert_allclose(numbers, values, rtol=1e-15)
    same = frame.assign(x="2.50")
    assert RowTemplate.fit(same, ["x"]).columns[0].decimals == 2


def test_cells_are_numbers_and_words_also_with_what_nobody_sees_in_them():
    frame = pd.DataFrame({"t": [f"{i % 20}.5" for i in range(40)], "machine": ["M1", "Ｇ機"] * 20})
    unseen = pd.DataFrame({"t": "\u200e" + frame["t"], "machine": frame["machine"]})
    unseen.loc[::4, "machine"] = "M\u200b1"
    template = RowTemplate.fit(frame, ["t", "machine"])
    assert template.columns[0].is_numeric
    assert RowTemplate.fit(unseen, ["t", "machine"]) == template
    assert template.texts(unseen) == template.texts(frame)
    assert warn_of_lost_numbers(unseen, template) == []
    said = [categories_of(own, ["machine"]) for own in (unseen, frame)]
    assert said[0] == said[1] != {}


def test_cells_are_written_without_what_nobody_sees():
    frame = pd.DataFrame(
        {"品番": ["PC\u200b-300", "PC-300"], "備考": ["カ\u3099ス漏れ", "ガス漏れ"]}
    )
    template = RowTemplate.fit(frame, ["品番", "備考"])
    assert template.texts(frame) == ["品番: PC-300; 備考: ガス漏れ"] * 2


def test_numbers_of_numpy_among_other_cells_are_written_as_numbers():
    cells = [np.float64(0.5), np.float32(0.25), np.float64("nan"), np.int64(7), "x", np.float64(3)]
    assert cells_as_text(pd.Series(cells, dtype=object)) == ["0.5", "0.25", "", "7", "x", "3"]


@pytest.mark.parametrize("dtype", ["float32", "Float32", "float[pyarrow]"])
def test_a_float32_cell_is_written_in_the_digits_that_mean_it(tmp_path, dtype):
    wide = pd.DataFrame({"a": [0.1, np.nan, -1.7e-7, 7.0, 16777216.0], "b": [0.5] * 5})
    frame = wide.astype({"a": "float32"}).astype({"a": dtype})
    assert cells_as_text(frame["a"]) == ["0.1", "", "-1.7e-07", "7", "16777216"]
    assert RowTemplate.fit(frame, ["a"]) == RowTemplate.fit(wide, ["a"])
    for ending in (".csv", ".jsonl", ".txt"):
        for name, own in (("wide", wide), ("frame", frame)):
            write_table(own, tmp_path / f"{name}{ending}")
        written = [(tmp_path / f"{name}{ending}").read_text() for name in ("wide", "frame")]
        assert written[0] == written[1]
    write_table(frame, tmp_path / "frame.xlsx")
    assert pd.read_excel(tmp_path / "frame.xlsx", engine="openpyxl")["a"].tolist()[:1] == [0.1]
    write_table(frame, tmp_path / "frame.parquet")
    again = read_table(tmp_path / "frame.parquet", rows=RowColumns("a")).frame
    assert cells_as_text(again["a"])[0] == "0.1"
    cells = pd.Series([np.float32(0.1), np.float32("nan"), np.float16(2)], dtype=object)
    assert cells_as_text(cells) == ["0.1", "", "2"]


@pytest.mark.slow
@given(
    st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=20, max_size=60),
    st.integers(0, 6),
)
def test_rounding_keeps_at_least_twenty_steps_of_the_middle_of_a_column(values, decimals):
    texts = [f"{value:.{decimals}f}" for value in values]
    frame = pd.DataFrame({"x": texts}, dtype=str)
    written = RowTemplate.fit(frame, ["x"]).texts(frame)
    rounded = np.asarray([float(text.removeprefix("x: ")) for text in written])
    exact = np.asarray([float(text) for text in texts])
    low, high = np.quantile(exact, [0.05, 0.95])
    step = max((high - low) / 20, 0.0)
    assert (np.abs(rounded - exact) <= step / 2 + 1e-9).all()


def decimals_kept(values):
    frame = pd.DataFrame({"x": [repr(float(value)) for value in values]}, dtype=str)
    return RowTemplate.fit(frame, ["x"]).columns[0].decimals


def test_a_heavy_tailed_column_keeps_its_small_numbers_and_its_logarithm():
    heavy = np.exp(2 * np.random.default_rng(0).normal(size=200) - 2).round(6)
    assert decimals_kept(heavy) == 2
    wide = [decimals_kept(np.geomspace(0.001, 1000, n).round(6)) for n in (20, 19)]
    assert wide == [3, 0]  # 19 are too few to tell
    # A twentieth of the middle 90 % would be tenths, and a third of the numbers zeros.
    steps, levels = np.asarray([0.1]), [[()] * len(heavy)]
    scales = [ColumnScale.fit(heavy.round(n)[:, None], steps, levels) for n in (2, 1)]
    assert [bool(scale.is_log[0]) for scale in scales] == [True, False]
    for share in (ABOVE_ZERO, ABOVE_ZERO - 0.01):
        own = np.where(np.arange(len(heavy)) < share * len(heavy), heavy, -1)[:, None]
        assert ColumnScale.fit(own, steps, levels).is_log[0] == (share == ABOVE_ZERO)


@pytest.mark.parametrize(
    ("cell", "other", "written"),
    [
        ("7.0", "7.4", ["7.0", "7.4", "8.0"]), ("7.00", "7.41", ["7.00", "7.41", "8.00"]),
        ("0.0", "0.4", ["0.0", "0.4", "8.0"]), ("1,200.0", "1200.5", ["1200.0", "1200.5", "8.0"]),
        ("7.0 mm", "7.4 mm", ["7.0", "7.4", "8.0"]), ("7.0%", "7.4%", ["0.070", "0.074", "8.000"]),
        ("\uff17.\uff10", "7.4", ["7.0", "7.4", "8.0"]), ("7", "7.4", ["7", "7", "8"]),
    ],
)  # fmt: skip
def test_a_constant_keeps_the_digits_it_is_written_with(cell, other, written):
    template = RowTemplate.fit(pd.DataFrame({"x": [cell] * 40 + [""]}, dtype=str), ["x"])
    later = pd.DataFrame({"x": [cell, other, "8"]}, dtype=str)
    rounded = template.rounded().texts(later)
    assert [text.removeprefix("x: ") for text in rounded] == written


def test_a_word_beside_a_constant_has_no_digits_of_it():
    cells = pd.DataFrame({"x": ["7"] * 40 + ["see 3.14159"]}, dtype=str)
    assert RowTemplate.fit(cells, ["x"]).columns[0].decimals == 0


def test_zeros_behind_the_point_of_numbers_that_vary_are_not_kept():
    for cells in (["7.0", "8.0"] * 20, ["0.0"] * 39 + ["8.0"]):
        assert (
            RowTemplate.fit(pd.DataFrame({"x": cells}, dtype=str), ["x"]).columns[0].decimals == 0
        )


def test_columns_without_a_heavy_tail_are_rounded_to_twenty_steps_and_no_finer():
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=400), rng.exponential(size=400), rng.normal(9, 1, 400)):
        for scale in (1.4, 2, 4, 9):
            low, high = np.quantile(values * scale, [0.05, 0.95])
            n_decimals = math.ceil(-math.log10((high - low) / 20))
            assert decimals_kept((values * scale).round(6)) == n_decimals


FORMATTED = {
    "cost": (["1,234", "12,345,678.5", "-1,000", "¥1,190", "￥2,000", "$-3", "€ 4"],
             [1234, 12345678.5, -1000, 1190, 2000, -3, 4]),
    "yield": (["97.0%", "5％", "100 %", "0.5%", "-2%", "98.25%", "1"],
              [0.97, 0.05, 1, 0.005, -0.02, 0.9825, 1]),
    "wide": (["１２３", "−4.5", "－7", "１，２３４", "+6", "9e-1", "．５"],
             [123, -4.5, -7, 1234, 6, 0.9, 0.5]),
    "typed [mm]": (["–4.5", "ー７", "‐0.5", "ー5 mm", "8mm", "0"], [-4.5, -7, -0.5, -5, 8, 0]),
    "preis [€]": (["12,75 €", "3 €", "1.250,5€", "–4,25 €", "2,1", "5,00", "€ 7,5"],
                  [12.75, 3, 1250.5, -4.25, 2.1, 5, 7.5]),
    "cost of each": (["12.75 EUR", "3 EUR", "1,250.5 eur"], [12.75, 3, 1250.5]),
    "size": (["12.75 mm", "3MM", "7 ㎜", "8 Mm"], [12.75, 3, 7, 8]),
    "الضغط": (["١٬٢٣٤٫٥", "-٣٫٤٤", "\u061c-٧", "۱۲٫۵", "3.5"],
              [1234.5, -3.44, -7, 12.5, 3.5]),
    "نسبة": (["٩٧٫٥٪", "٥٪", "1"], [0.975, 0.05, 1]),
    "ضغط": (["١٢٫٥ bar", "-٨ bar", "3 bar"], [12.5, -8, 3]),
    "दाब": (["१,२३४.५", "-३.४४", "१२,३४,५६७", "๑๒.๕"], [1234.5, -3.44, 1234567, 12.5]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATTED)
def test_numbers_as_spreadsheets_and_japanese_sheets_show_them_are_numbers(name):
    cells, numbers = FORMATTED[name]
    frame = pd.DataFrame({name: cells}, dtype=str)
    template = RowTemplate.fit(frame, [name])
    assert [column.name for column in template.numeric] == [name]
    np.testing.assert_allclose(numbers_in(template, frame).values[:, 0], numbers, rtol=1e-15)


@pytest.mark.parametrize(
    "cell",
    [
        *("1,23", "1,2345", "0,123", "12-3", "10²", "①", "½", "%", "--5", "5%%", "¥", "1 234"),
        *("abc", "––5", "–-5", "ーA5", "10ー20"),
    ],
)
def test_what_only_looks_like_a_number_is_none(cell):
    frame = pd.DataFrame({"x": [cell] * 3}, dtype=str)
    assert RowTemplate.fit(frame, ["x"]).numeric == ()


@pytest.mark.parametrize(
    "unit",
    ["cc/min", "µin", "SFM", "inH2O", "N-m", "HRB", "HBW", "A/dm²", "VDC", "kohm", "MΩ"],
)
def test_units_of_the_workshop_are_units(unit):
    frame = pd.DataFrame({f"x ({unit})": ["1"] * 3, "y": [f"{n} {unit}" for n in "123"]})
    template = RowTemplate.fit(frame, RowColumns("x,y").choose([*frame.columns]))
    np.testing.assert_array_equal(numbers_in(template, frame).values, [[1, 1], [1, 2], [1, 3]])


@pytest.mark.parametrize(
    "unit",
    [
        *("sq.in", "sq.in.", "cu.ft", "ft.lb", "lbf.ft", "N.m", "kNm", "kgf.cm", "mm/rev", "r/min"),
        *("rev/min", "/min", "/s", "/cm2", "min⁻¹", "shots/min", "個/day", "t/d", "ipr", "LPM"),
        *("cP", "mPa.s", "HS", "HRA", "Shore A", "g/10min", "%RH", "at%", "質量%", "ppmw", "µL"),
        *("µg/m3", "ng/mL", "µS/cm", "uS/cm", "NTU", "mTorr", "mmH2O", "kPaG", "MPa(abs)", "barg"),
        *("Å", "ions/cm2", "Ω/□", "W/(m·K)", "W/mK", "keV", "kGy", "µsec", "hours", "dB(A)", "nF"),
        *("mAh", "µε", "dtex", "㎂", "㎜", "㎏", "㏄", "㎛", "㎠", "㏀"),
    ],
)
def test_units_of_many_trades_are_units(unit):
    frame = pd.DataFrame({f"x ({unit})": ["1"] * 3, "y": [f"{n} {unit}" for n in "123"]})
    template = RowTemplate.fit(frame, RowColumns("x,y").choose([*frame.columns]))
    np.testing.assert_array_equal(numbers_in(template, frame).values, [[1, 1], [1, 2], [1, 3]])
    assert RowTemplate.from_json(json.loads(json.dumps(template.to_json()))) == template


@pytest.mark.parametrize(
    "word",
    ["a.m.", "N.A.", "rev", "R", "NG", "NA", "SV", "UL", "Cl", "Cd", "MC", "lot", "day", "/", "1"],
)
def test_what_may_tell_one_column_from_another_is_no_unit(word):
    frame = pd.DataFrame({"x": [f"{n} {word}" for n in "123"]}, dtype=str)
    assert RowTemplate.fit(frame, ["x"]).numeric == ()
    with pytest.raises(InputError, match="Got column 'x'"):
        RowColumns("x").choose([f"x ({word})"])


def test_american_units_are_units():
    cells = ["45.1 ft-lb", "44 ft-lb", "46.25ft-lb", "-"]
    frame = pd.DataFrame({"Torque": cells, "Bore (thou)": "12", "Note": "5 mile"}, dtype=str)
    template = RowTemplate.fit(frame, RowColumns("torque,bore,note").choose([*frame.columns]))
    assert [column.form.unit for column in template.columns] == ["ft-lb", "thou", None]
    np.testing.assert_array_equal(
        numbers_in(template, frame).values[:, 0], [45.1, 44, 46.25, np.nan]
    )


MEASURED = {
    "温度": (["186.1℃", "184.2 ℃", "１８１．５℃", "-", "183.25°C"],
             [186.1, 184.2, 181.5, np.nan, 183.25]),
    "p": (["5.47MPa", "-5,470.5 MPa", "", "1e-1MPa", "7 [MPa]"], [5.47, -5470.5, np.nan, 0.1, 7]),
    "q": (["5m³/h", "6 m3/h", "7㎥/h"], [5, 6, 7]),
    "t（℃）": (["186.1", "184.2℃", "185"], [186.1, 184.2, 185]),
    "年": (["2024年", "２０２３ 年", ""], [2024, 2023, np.nan]),
    "納期": (["3月", "12月"], [3, 12]),
    "不良": (["5件", "12件"], [5, 12]),
    "工期": (["3ヶ月", "1.5ヶ月"], [3, 1.5]),
    "差": (["1,200", "▲5", "▲ 1,234.5", "¥▲3", "7", "2"],
          [1200, -5, -1234.5, -3, 7, 2]),
    "損益 [千円]": (["12千円", "△5千円", "30"], [12, -5, 30]),
    "h [%]": (["45", "46%", "47 ％", "-"], [45, 46, 47, np.nan]),
    "defects [%]": (["0.3", "0.4%", "0.35"], [0.3, 0.4, 0.35]),
    "yield": (["97%", "96", "95.5%"], [97, 96, 95.5]),
    "ratio": (["1.2", "1", "125%", "3"], [1.2, 1, 1.25, 3]),
    "growth": (["1.2", "1.5", "2%"], [1.2, 1.5, 0.02]),
    "gauge": (["5.5kgf/cm2", "6kgf/cm²"], [5.5, 6]),
    "share [%]": (["0.45", "46%"], [0.45, 0.46]),
    "yield [%]": (["97.5%", "98%"], [0.975, 0.98]),
}  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        "検出せず",
        "不検出",
        "＜LOD",
        "<loq",
        "N/D",
        "N.A.",
        "BDL",
        "not detected",
        "***",
        "検出下限 未満",
    ],
)
def test_what_a_laboratory_says_where_it_found_nothing_is_missing(said):
    frame = pd.DataFrame({"Pb": ["0.12", said, "0.3", "0.25", said, "-"]}, dtype=str)
    template = RowTemplate.fit(frame, ["Pb"])
    stored = RowTemplate.from_json(json.loads(json.dumps(template.to_json())))
    assert stored == template
    assert stored.texts(frame)[:2] == ["Pb: 0.12", "Pb: missing"]
    assert not numbers_in(stored, frame).is_word.any()
    said_of_it = f"column 'Pb': {said} is read as missing (2 cells of this kind)"
    in_japanese = f"列'Pb'の{said}は値なし（missing）と読みます（同じ書き方のセル2個）"
    assert Language("ja").notice(said_of_it) == in_japanese
    assert warn_of_forms(frame, template) == [said_of_it]
    of_before = [{"name": "Pb", "decimals": 2, "unit": None}]
    before = RowTemplate.from_json({"columns": of_before, "notation": 2})
    assert numbers_in(before, frame).is_word[:, 0].tolist() == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("said", ["OL", "OVER", "測定範囲外", "ERR", "<", "*1", "."])
def test_a_word_for_something_that_was_measured_is_no_gap(said):
    frame = pd.DataFrame({"Pb": [*[f"0.{n}" for n in range(10, 40)], said]}, dtype=str)
    assert numbers_in(RowTemplate.fit(frame, ["Pb"]), frame).is_word[-1, 0]


def test_in_a_column_of_words_nothing_found_is_one_of_them():
    frame = pd.DataFrame({"result": ["不検出", "検出", "1", "2"]}, dtype=str)
    assert RowTemplate.fit(frame, ["result"]).texts(frame)[0] == "result: 不検出"


DURATIONS = {
    "加工時間": (["1:30:00", "0:45:30", "-", "12:05"], [5400, 2730, np.nan, 725]),
    "総時間": (["1:30:00", "0:45:30"], [5400, 2730]),
    "延べ時間[h:mm]": (["6:15", "8:30"], [22500, 30600]),
    "Total time": (["1:30:00", "0:45:30"], [5400, 2730]),
    "Cycle Time (s)": (["0:01:02.5", "0:00:59"], [62.5, 59]),
    "t": (["26:15:00", "1:30:00", "30:00:00", "-0:00:30", "41:10:05"],
          [94500, 5400, 108000, -30, 148205]),
    "lap": (["12:34.5", "12:40.25", "11:59.0"], [754.5, 760.25, 719]),
    "稼働時間[h:mm]": (["26:15", "8:30", "0:45:30"], [94500, 30600, 2730]),
    "稼働時間（時:分）": (["26:15", "8:30"], [94500, 30600]),
    "Down time (hours)": (["26:15", "8:30"], [94500, 30600]),
    "Down time (h:mm:ss)": (["26:15", "8:30"], [1575, 510]),
    "Down time": (["26:15", "8:30"], [1575, 510]),
    "Mix duration": (["26:15", "8:30"], [1575, 510]),
    "Rationale duration": (["26:15", "8:30"], [1575, 510]),
}  # fmt: skip


@pytest.mark.parametrize("name", DURATIONS)
def test_durations_are_numbers_of_seconds(name):
    cells, seconds = DURATIONS[name]
    frame = pd.DataFrame({name: cells}, dtype=str)
    template = RowTemplate.fit(frame, [name])
    stored = RowTemplate.from_json(json.loads(json.dumps(template.to_json())))
    assert stored == template
    np.testing.assert_array_equal(numbers_in(stored, frame).values[:, 0], seconds)
    written = stored.read(stored.texts(frame)).numbers.values[:, 0]
    np.testing.assert_allclose(written, seconds, atol=0.5)  # rounded as any number
    (notice,) = warn_of_forms(frame, template)
    n = sum(":" in cell for cell in cells)
    assert notice.endswith(f" is read as {seconds[0]} ({n} cells of this kind)")
    of_before = [{"name": name, "decimals": None, "unit": None}]
    before = RowTemplate.from_json({"columns": of_before, "notation": 2})
    assert before.texts(frame)[0] == f"{name}: {cells[0]}"


def test_yen_in_shift_jis_are_written_with_a_backslash():
    frame = pd.DataFrame({"金額": ["\\1,200", "▲\\45,000", "\\7", "\\81", "12"]}, dtype=str)
    numbers = numbers_in(RowTemplate.fit(frame, ["金額"]), frame).values[:, 0]
    assert numbers.tolist() == [1200, -45000, 7, 81, 12]
    frame = pd.DataFrame({"金額": ["\\▲3", "\\1", "7", "81", "12"]}, dtype=str)
    assert numbers_in(RowTemplate.fit(frame, ["金額"]), frame).values[0, 0] == -3


def test_a_cell_of_thousands_of_digits_is_no_duration():
    template = RowTemplate.fit(pd.DataFrame({"加工時間": ["1:30", "2:00"]}), ["加工時間"])
    wild = f"{'9' * 5000}:00"  # more than Python reads as a number
    frame = pd.DataFrame({"加工時間": [wild]})
    assert np.isnan(numbers_in(template, frame).values).all()
    assert template.texts(frame) == [f"加工時間: {wild}"]


@pytest.mark.parametrize("name", ["Prüfdauer", "Zykluszeit", "RÜSTZEIT [min]", "工程時間"])
def test_names_of_durations_tell_them_from_times_of_day(name):
    cells = [f"{8 + i % 5}:{7 * i % 60:02}" for i in range(29)]
    for other, are_numbers in ((name, True), ("Startzeit", False), ("Uhrzeit", False)):
        template = RowTemplate.fit(pd.DataFrame({other: cells}), [other])
        assert bool(template.numeric) == are_numbers


def test_durations_by_their_type_are_numbers():
    spans = pd.to_timedelta(["90s", None, "2h", "1s"])
    template = RowTemplate.fit(pd.DataFrame({"t": spans}), ["t"])
    assert template.texts(pd.DataFrame({"t": spans})) == ["t: 90", "t: missing", "t: 7200", "t: 1"]


@pytest.mark.parametrize("name", ["比重測定時間", "ratio"])
def test_durations_by_their_type_are_no_ratios_whatever_the_name(name):
    spans = pd.DataFrame({name: pd.to_timedelta(["90s", "75s", "2h"])})
    assert numbers_in(RowTemplate.fit(spans, [name]), spans).values[:, 0].tolist() == [90, 75, 7200]
    exported = pd.DataFrame({name: ["1:30", "1:15", "2:00:00"]}, dtype=str)  # the control
    assert RowTemplate.fit(exported, [name]).numeric == ()


def test_durations_of_a_workbook_in_whole_minutes_are_the_same_in_two_parts():
    spans = pd.DataFrame({"t": pd.to_timedelta(["26h15m", "30h", None, "90m"])})
    template = RowTemplate.fit(spans, ["t"])
    exported = pd.DataFrame({"t": ["26:15", "30:00", "", "1:30"]}, dtype=str)
    assert template.texts(exported) == template.texts(spans)
    stored = RowTemplate.from_json(json.loads(json.dumps(template.to_json())))
    assert stored.texts(exported) == template.texts(spans)
    spans.loc[1, "t"] += pd.Timedelta("10s")  # control
    assert RowTemplate.fit(spans, ["t"]).texts(exported)[0] == "t: 1575"


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("時刻", ["1:30:00", "0:45:30", "12:05:10"]),
        ("開始時間", ["8:30", "9:15", "24:00"]),
        ("t", ["22:10", "23:50", "24:00", "25:10"]),  # a late one or two
        ("t", ["12:34:56.7", "12:35:01.2", "12:35:02.0"]),
        ("加工時間", ["1:30:00", "late", "2:00:00"]),
        ("加工時間", ["1:75", "2:80", "3:99"]),
        ("ratio", ["16:9", "4:3", "21:9"]),
        ("scale", ["1:50", "1:100", "1:20"]),
        ("配合比", ["60:40", "70:30", "80:20", "55:45"]),
        ("配合比", ["200:50", "150:40", "120:20", "300:45"]),
        ("mix", ["100:50", "100:45", "100:40", "100:55"]),
        ("cycle time ratio", ["26:15", "30:10", "41:20"]),
    ],
)
def test_times_of_day_and_ratios_stay_text(name, cells):
    frame = pd.DataFrame({name: cells}, dtype=str)
    assert RowTemplate.fit(frame, [name]).numeric == ()


@pytest.mark.parametrize("name", MEASURED)
def test_numbers_with_the_unit_of_their_column_are_numbers(name):
    cells, numbers = MEASURED[name]
    frame = pd.DataFrame({name: cells}, dtype=str)
    template = RowTemplate.fit(frame, [name])
    stored = RowTemplate.from_json(json.loads(json.dumps(template.to_json())))
    assert stored == template
    np.testing.assert_allclose(numbers_in(stored, frame).values[:, 0], numbers, rtol=1e-15)
    texts = stored.texts(frame)
    assert stored.read(texts).numbers.values.shape == (len(cells), 1)
    assert not stored.read(texts).numbers.is_word.any()


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("I [A]", ["5A", "6 A"]),
        ("I", ["5 A", "6\xa0A", "7\u3000A"]),
        ("area", ["5m2", "6m²"]),
        ("t", ["5h", "6h"]),
        ("m", ["5g", "6 g"]),
        ("U", ["5V"]),
        ("R", ["5Ω"]),
    ],
)
def test_a_letter_is_a_unit_where_the_name_a_blank_or_use_says_so(name, cells):
    frame = pd.DataFrame({name: cells}, dtype=str)
    (column,) = RowTemplate.fit(frame, [name]).numeric
    assert not numbers_in(RowTemplate((column,)), frame).is_word.any()


def test_a_number_with_another_unit_is_none():
    frame = pd.DataFrame({"t": ["186.1℃", "184.2℃"], "p [MPa]": ["5.1", "5.2"]}, dtype=str)
    template = RowTemplate.fit(frame, ["t", "p [MPa]"])
    later = pd.DataFrame(
        {"t": ["100°F", "100", "99℃"], "p [MPa]": ["5.1kPa", "5.1mPa", "5.1MPa"]}, dtype=str
    )
    assert template.texts(later) == [
        "t: 100°F; p [MPa]: 5.1kPa", "t: 100.0; p [MPa]: 5.1mPa", "t: 99.0; p [MPa]: 5.1",
    ]  # fmt: skip
    for found in (numbers_in(template, later), template.read(template.texts(later)).numbers):
        assert found.is_word.tolist() == [[True, True], [False, True], [False, False]]
        np.testing.assert_array_equal(found.values[:, 0], [np.nan, 100, 99])


def test_cells_in_another_unit_than_their_column_are_counted_and_said(tmp_path):
    training = pd.DataFrame({"t [°C]": ["180", "181.5"], "w": ["1", "2"], "lot": ["a", "b"]})
    template = RowTemplate.fit(training, ["t [°C]", "w", "lot"])
    assert warn_of_lost_numbers(training, template) == []
    later = pd.DataFrame(
        {
            "T [℃]": ["NG", "212 °F", "190℃", "100F", ""],
            "w": ["3", "2401A", "-", "1,200 kg", "n.d."],
            "lot": ["5 kg"] * 5,
        },
        dtype=str,
    )
    other, own = warn_of_lost_numbers(later, template)
    assert other == (
        "column 't [°C]': 2 cells in another unit than °C, such as '212 °F'; read as words, not as "
        "numbers"
    )
    assert own == (
        "column 'w': 1 cell with a unit that the column has not, such as '1,200 kg'; read as "
        "words, not as numbers"
    )
    later.to_csv(tmp_path / "later.csv", index=False)
    assert {other, own} < {*read_table(tmp_path / "later.csv", rows=template).notices}


def test_columns_of_numbers_that_have_become_words_are_said():
    training = pd.DataFrame({"t": ["180.5", "181.5"], "p": ["1", "2"]}, dtype=str)
    template = RowTemplate.fit(training, ["t", "p"])
    later = pd.DataFrame({"t": ["180,4", "179,2", "181,66", "180.5", ""], "p": ["ERR"] * 5})
    later.loc[:2, "p"] = "1"
    assert warn_of_lost_numbers(later, template) == [
        "column 't' had numbers when the detector was fitted, and 3 of its 4 filled cells are "
        "none, such as '180,4'; write them as they were then"
    ]
    assert warn_of_lost_numbers(later[1:], template) == []  # two of three, as chance may have it


@pytest.mark.parametrize("name", ["t [°C]", "t（℃）", "t (C)", "t [ºC]", "t"])
def test_degrees_celsius_are_typed_in_many_ways(name):
    cells = ["25 C", "26 °C", "27℃", "28ºC", "29˚C", "30゜C", "31 degC", "32c"]
    if name == "t":  # a C alone is a unit only where the column has that unit
        assert RowTemplate.fit(pd.DataFrame({"t": ["25 C"] * 9}), [name]).numeric == ()
        cells = [*["20℃"] * 200, *cells]
    frame = pd.DataFrame({name: cells}, dtype=str)
    values = numbers_in(RowTemplate.fit(frame, [name]), frame).values[-8:, 0]
    assert values.tolist() == [25, 26, 27, 28, 29, 30, 31, 32]


def test_a_column_in_thousandths_is_none_in_millions():
    training = pd.DataFrame({"p [MPa]": ["5.1", "5.2MPa", "5.3Mpa"]}, dtype=str)
    template = RowTemplate.fit(training, ["p [MPa]"])
    assert numbers_in(template, training).values[:, 0].tolist() == [5.1, 5.2, 5.3]
    assert template.texts(pd.DataFrame({"P [Mpa]": ["7"]}, dtype=str)) == ["p [MPa]: 7.0"]
    assert RowColumns("P［mPa］").choose(["p [MPa]", "p [mPa]"]) == ["p [mPa]"]
    for name in ("p [mPa]", "P (mPa)"):
        match = rf"Got column '{re.escape(name)}' for 'p \[MPa\]', whose unit was MPa when"
        with pytest.raises(InputError, match=match):
            template.texts(pd.DataFrame({name: ["7"]}, dtype=str))
        with pytest.raises(InputError, match=r"Got column 'p \[MPa\]'"):
            RowColumns("p [MPa]").choose([name])
    fitted = pd.DataFrame({"p": ["5.1MPa", "5.2MPa"]}, dtype=str)
    with pytest.raises(InputError, match=r"Got column 'p \[mPa\]' for 'p', whose unit was MPa"):
        RowTemplate.fit(fitted, ["p"]).texts(pd.DataFrame({"p [mPa]": ["7"]}, dtype=str))


@pytest.mark.parametrize(
    "cells",
    [
        ["186.1℃"] * 9 + ["366°F"],
        ["2.5"] * 9 + ["2.5h"],
        ["3号機"] * 9,
        ["5-"] * 9,
        ["5(参考)"] * 9,
        ["10²mm"] * 9,
        ["1.2.3mm"] * 9,
        ["3/4"] * 9,
        ["1N4148"] * 9,
        ["24A0001", "24A0002"] * 9,
        ["2024K001"] * 9,
        ["5 m10"] * 9,
        ["2401A", "2404A"],
        ["24A1"] * 9,
        ["1A", "2A", "3A"],
        ["4G", "5G"],
        ["1F", "2F"],
        ["3V2"] * 9,
    ],
)
def test_cells_without_one_and_the_same_known_unit_are_text(cells):
    frame = pd.DataFrame({"x": cells}, dtype=str)
    assert RowTemplate.fit(frame, ["x"]).columns[0].decimals is None


@pytest.mark.parametrize(
    "cells",
    [
        ["△", "○", "×", "5"] * 5,  # a grade
        ["1", "2", "△", "△5"] * 5,
        ["3", "4", "▲5", "▼6"] * 5,  # up and down
        ["3", "4", "▲5", "△6"] * 5,
        ["△1", "△2", "-"] * 5,  # revisions of a drawing
        ["3", "-4", "▲5"] * 5,  # there a minus is written as such
        ["3", "4", "▲", "▲5"] * 5,
    ],
)
def test_a_triangle_that_may_mean_something_else_is_no_minus(cells):
    if cells[0] != "△1":
        cells = [*cells, *["7"] * 400]
    frame = pd.DataFrame({"x": cells}, dtype=str)
    template = RowTemplate.fit(frame, ["x"])
    assert template.columns[0].form.minus is None
    marked = np.asarray([cell[0] in "▲△▼" for cell in cells])
    assert np.isnan(numbers_in(template, frame).values[marked]).all()
    assert warn_of_forms(frame, template) == []


def test_a_column_without_triangles_has_no_minus_of_them_later():
    training = pd.DataFrame({"x": ["5", "6"]}, dtype=str)
    template = RowTemplate.fit(training, ["x"])
    assert template.texts(pd.DataFrame({"x": ["▲5"]}, dtype=str)) == ["x: ▲5"]


def test_a_column_of_another_unit_is_none_of_per_cent_and_reads_its_own_rows():
    frame = pd.DataFrame({"p [MPa]": ["45", "46%", "47", "5%"]}, dtype=str)
    template = RowTemplate.fit(frame, ["p [MPa]"])
    assert [column.form.unit for column in template.columns] == ["MPa"]
    assert template.texts(frame)[0] == "p [MPa]: 45"
    share = RowTemplate.fit(frame.set_axis(["p"], axis=1), ["p"])
    assert [column.form.unit for column in share.columns] == ["%"]


def test_what_means_another_number_in_its_column_is_said():
    frame = pd.DataFrame({
        "profit": ["5", "7", "▲ 1,200", "▲5"], "h [%]": ["45", "46%", "47", "48"],
        "p": ["5MPa"] * 4, "y": ["5%"] * 4,
    }, dtype=str)  # fmt: skip
    template = RowTemplate.fit(frame, list(frame.columns))
    assert warn_of_forms(frame, template) == [
        "column 'profit': ▲ 1,200 is read as -1,200 (2 cells of this kind)",
        "column 'h [%]': 46% is read as 46 (1 cell of this kind)",
    ]
    assert template.texts(frame)[2] == "profit: -1200; h [%]: 47; p: 5; y: 0.05"


def test_decimal_commas_are_read_where_a_whole_column_agrees():
    frame = pd.DataFrame({
        "t": ["20,5", "21", "-0,25", "1,234", "-", "19,75"],
        "p": ["1,5 MPa", "2,25 MPa", "1.234,5 MPa", "3,0MPa", "", "1,75 MPa"],
        "h [%]": ["45,5 %", "46", "47,5", "45,25", "46,5", "44,0"],
    }, dtype=str)  # fmt: skip
    template = RowTemplate.fit(frame, list(frame.columns))
    assert RowTemplate.from_json(template.to_json()) == template
    values = numbers_in(template, frame).values.T.tolist()
    np.testing.assert_array_equal(values[0], [20.5, 21, -0.25, 1.234, np.nan, 19.75])
    np.testing.assert_array_equal(values[1], [1.5, 2.25, 1234.5, 3, np.nan, 1.75])
    np.testing.assert_array_equal(values[2], [45.5, 46, 47.5, 45.25, 46.5, 44])
    assert warn_of_forms(frame, template)[:2] == [
        "column 't': 20,5 is read as 20.5 (4 cells of this kind)",
        "column 'p': 1,5 MPa is read as 1.5 (5 cells of this kind)",
    ]
    later = pd.DataFrame({"t": ["1,5", "1.5"], "p": "2 MPa", "h [%]": "45"}, dtype=str)
    assert numbers_in(template, later).values[:, 0].tolist() == [1.5, 1.5]


@pytest.mark.parametrize(
    "cells",
    [
        ["1,234", "12,345", "1,200"],  # of thousands
        ["1,234", "12,345", "1,23"],  # but for a slip
        ["1,5", "2.5", "3,5", "4,5"],
        ["1,5", "2,5", "3,5", "1,234.5"],
        ["1,5", "2,5", "3,5", "1,2,3"],  # lists
        ["1,5", "2,5", "3,5", "2", "3", "4", "5"],
        ["1,5", "2,5", "3,5", "12.04.2026"],
        ["1,5"],
    ],
)
def test_commas_that_may_mean_something_else_are_none_of_decimals(cells):
    frame = pd.DataFrame({"x": cells * 5}, dtype=str)
    (column,) = RowTemplate.fit(frame, ["x"]).columns
    assert not column.form.comma
    assert not has_decimal_commas([*frame["x"]])
    assert has_decimal_commas(["1,5", "2,5", "0,75"])  # control


def test_commas_stand_before_three_decimals_where_some_numbers_have_fewer():
    cells = ["19,993", "20,01", "20,004", "19,987", "20,1", "19,99", "20"] + ["20,003"] * 40
    assert has_decimal_commas(cells)
    assert not has_decimal_commas([*cells, *["20,003"] * 40])  # control: three in 87 may be slips
    frame = pd.DataFrame({"x [mm]": cells}, dtype=str)
    values = numbers_in(RowTemplate.fit(frame, ["x [mm]"]), frame).values[:7, 0]
    np.testing.assert_array_equal(values, [19.993, 20.01, 20.004, 19.987, 20.1, 19.99, 20])


def test_points_between_thousands_are_none_of_decimals():
    frame = pd.DataFrame({
        "n": ["2.548", "1.070", "987", "-1.310", "864", "-", "915"],
        "cost": ["5.650,8", "2.548", "▲12.000", "870,5", "", "1.250,75", "964,25"],
        "m [kg]": ["1.250.000 kg", "2.500 kg", "910kg", "1.100 kg", "８．０００ kg", "7 kg", "3"],
    }, dtype=str)  # fmt: skip
    template = RowTemplate.fit(frame, list(frame.columns))
    assert RowTemplate.from_json(template.to_json()) == template
    values = numbers_in(template, frame).values.T.tolist()
    np.testing.assert_array_equal(values[0], [2548, 1070, 987, -1310, 864, np.nan, 915])
    np.testing.assert_array_equal(values[1], [5650.8, 2548, -12000, 870.5, np.nan, 1250.75, 964.25])
    np.testing.assert_array_equal(values[2], [1250000, 2500, 910, 1100, 8000, 7, 3])
    said = warn_of_forms(frame, template)
    assert said[0] == "column 'n': 2.548 is read as 2548 (3 cells of this kind)"
    assert said[1] == "column 'cost': 5.650,8 is read as 5650.8 (4 cells of this kind)"
    later = pd.DataFrame({"n": ["1.234", "12.5", "7"], "cost": "3", "m [kg]": "2"}, dtype=str)
    assert numbers_in(template, later).values[:, 0].tolist() == [1234, 12.5, 7]
    typed = later.assign(n=pd.Series([125.125, "125.125", Decimal("2.500")], dtype=object))
    assert numbers_in(template, typed).values[:, 0].tolist() == [125.125, 125125, 2.5]


def test_points_between_thousands_may_stand_in_limits():
    cells = ["<1.234", "2.345", "987", "1.500", "800", "900", "1.600", "2.000以上"]
    frame = pd.DataFrame({"n": cells}, dtype=str)
    template = RowTemplate.fit(frame, ["n"])
    values = numbers_in(template, frame).values[:, 0].tolist()
    assert values == [1234, 2345, 987, 1500, 800, 900, 1600, 2000]
    assert "column 'n': <1.234 is read as 1234 (2 cells of this kind)" in warn_of_forms(
        frame, template
    )


@pytest.mark.parametrize(
    "cells",
    [
        ["20.003", "19.998", "20.011"],  # of one instrument
        ["20.003", "19.998", "20.011", "0"],  # which may stand still
        ["20.003", "19.998", "20.011", "25", "26", "27"],  # of another one
        ["2.548", "1.070", "1.310", "987", "864", "915", "0.5"],
        ["2.548", "1.070", "1.310", "987", "864", "915", "1.31"],
        ["2.548", "1.070", "1.310", "987", "864", "1915"],
        [2.548, 1.077, 1.311, 987.0, 864.0, 915.0, None],
        ["2.548", "987", "864", "915"],
    ],
)
def test_points_that_may_be_of_decimals_are(cells):
    frame = pd.DataFrame({"x": pd.Series(cells * 5, dtype=object)})
    (column,) = RowTemplate.fit(frame, ["x"]).columns
    assert column.is_numeric
    assert column.form.thousands is None
    found = numbers_in(RowTemplate((column,)), frame).values
    assert found[0, 0] == float(cells[0])


def test_blanks_and_apostrophes_stand_between_thousands():
    frame = pd.DataFrame({
        "F [N]": ["1 234,5", "12\u00a0345", "987,25", "\u2212 2\u202f100", "-", "3\u2009300,75 N"],
        "n": ["1 234", "12 345", "987 654", "1 000 000", "17", "12"],
        "p [CHF]": ["1'234.50", "12\u2019345", "987.25", "-2'100", "1", "3'300.75 CHF"],
        "lakh": ["12,34,567", "1,234", "1,00,000", "99", "5", "7"],
    }, dtype=str)  # fmt: skip
    template = RowTemplate.fit(frame, list(frame.columns))
    assert RowTemplate.from_json(template.to_json()) == template
    values = numbers_in(template, frame).values.T.tolist()
    np.testing.assert_array_equal(values[0], [1234.5, 12345, 987.25, -2100, np.nan, 3300.75])
    np.testing.assert_array_equal(values[1], [1234, 12345, 987654, 1000000, 17, 12])
    np.testing.assert_array_equal(values[2], [1234.5, 12345, 987.25, -2100, 1, 3300.75])
    np.testing.assert_array_equal(values[3], [1234567, 1234, 100000, 99, 5, 7])
    said = warn_of_forms(frame, template)
    assert said[0] == "column 'F [N]': 1 234,5 is read as 1234.5 (4 cells of this kind)"
    assert len(said) == len({*said})
    later = pd.DataFrame({"F [N]": "5 123,5", "n": "1 2", "p [CHF]": "5", "lakh": "4"}, index=[0])
    np.testing.assert_array_equal(numbers_in(template, later).values[0], [5123.5, np.nan, 5, 4])


def test_a_template_with_points_between_thousands_is_read_as_it_was_stored_at_first():
    stored = {"columns": [{"name": "x", "decimals": 0, "points": True}], "notation": 2}
    template = RowTemplate.from_json(stored)
    assert template.columns[0].form == NumberForm(thousands=".")
    frame = pd.DataFrame({"x": ["2.548"]})
    assert numbers_in(template, frame).values[0, 0] == 2548


@pytest.mark.parametrize(
    "cells",
    [
        ["123 456", "234 567", "345 678"],  # codes
        ["1 234", "12 345", "1 23"],  # lists
        ["1 234", "12 345", "010 123"],
        ["1 234", "12 345", "030 1234567"],
        ["1 234", "12 345"],
        ["5'11", "6'02", "5'09"],  # feet
    ],
)
def test_blanks_that_may_mean_something_else_are_none_between_thousands(cells):
    frame = pd.DataFrame({"x": cells * 5}, dtype=str)
    assert not RowTemplate.fit(frame, ["x"]).columns[0].is_numeric


def test_powers_of_ten_are_numbers_however_they_are_typed():
    cells = [
        "1.2×10^-6 Pa",
        "3 x 10-5 Pa",
        "4.5×10⁻⁷",
        "２．０×１０＾－６",
        "1E-6",
        "5·10**(-6) Pa",
    ]
    frame = pd.DataFrame({"leak [Pa]": cells, "cfu": ["1,5×10⁵", "2,25×10^6", "0,5×10^5"] * 2})
    template = RowTemplate.fit(frame, list(frame.columns))
    values = numbers_in(template, frame).values.T
    np.testing.assert_allclose(values[0], [1.2e-6, 3e-5, 4.5e-7, 2e-6, 1e-6, 5e-6], rtol=1e-12)
    np.testing.assert_allclose(values[1], [1.5e5, 2.25e6, 0.5e5] * 2, rtol=1e-12)
    assert len({*template.texts(frame)}) == len(frame)  # none was rounded to zero


@pytest.mark.parametrize("text", ["4x10", "12x10-5", "M4×10^3", "3×10²mm", "10²", "2×103", "5×10^"])
def test_what_may_be_a_size_is_no_power_of_ten(text):
    assert np.isnan(as_numbers([text])).all()


def test_measured_values_count_without_how_far_they_may_be_off():
    frame = pd.DataFrame({
        "d [mm]": ["12.5±0.1", "12.6 ± 0.1 mm", "12.45±0.05", "(12.4 ± 0.1) mm", "-", "12.55"],
        "R": ["1,5 +/- 0,1 kΩ", "1,6 kΩ ± 5 %", "1,75±0,1 kΩ", "1,8 kΩ", "2,0±0,1 kΩ", ""],
    })  # fmt: skip
    template = RowTemplate.fit(frame, list(frame.columns))
    assert RowTemplate.from_json(template.to_json()) == template
    values = numbers_in(template, frame).values.T.tolist()
    np.testing.assert_array_equal(values[0], [12.5, 12.6, 12.45, 12.4, np.nan, 12.55])
    np.testing.assert_array_equal(values[1], [1.5, 1.6, 1.75, 1.8, 2.0, np.nan])
    assert warn_of_forms(frame, template)[0] == (
        "column 'd [mm]': 12.5±0.1 is read as 12.5 (4 cells of this kind)"
    )
    asked = pd.DataFrame({"d": ["10±0.1", "12±0.1", "14±0.2"] * 4})  # of products
    assert not RowTemplate.fit(asked, ["d"]).columns[0].is_numeric


def test_a_power_of_ten_behind_brackets_is_of_the_measured_value():
    cells = ["(1.2 ± 0.1)×10³", "(2.5 ± 0.1)×10^3 Pa", "(12 ± 1)×10²", "(1.4 +/- 0.2) x 10⁻¹"]
    frame = pd.DataFrame({"p [Pa]": cells})
    values = numbers_in(RowTemplate.fit(frame, ["p [Pa]"]), frame).values.T
    np.testing.assert_allclose(values, [[1200, 2500, 1200, 0.14]], rtol=1e-12)
    assert without_deviation("12² ± 1") == "12^2"  # 122 ± 1 it is not


@pytest.mark.parametrize("cell", ["1'" * 1000 + " " * 1000 + "(±", "(" + " " * 3000 + "1'1'±(±1"])
def test_a_long_cell_that_is_no_measured_value_takes_no_time(cell):
    began = time.perf_counter()
    assert without_deviation(cell) is None
    assert time.perf_counter() - began < 1  # it was cubic in the length: 6 s


def test_limits_of_detection_count_as_the_limit_beside_numbers():
    frame = pd.DataFrame({
        "Pb [ppm]": ["<0.5", "0.7", "＜ 0.5 ppm", "1.25", "0.9", "-"],
        "Cd": ["<0,5", "0,7", "1,25", "0,9", ">=10,5", "12"],
        "age": ["<20", "20-40", ">40", "<20", "20-40", ">40"],
        "spec": ["<5"] * 6,
    }, dtype=str)  # fmt: skip
    template = RowTemplate.fit(frame, list(frame.columns))
    assert RowTemplate.from_json(template.to_json()) == template
    assert [column.name for column in template.numeric] == ["Pb [ppm]", "Cd"]
    values = numbers_in(template, frame).values.T.tolist()
    np.testing.assert_array_equal(values[0], [0.5, 0.7, 0.5, 1.25, 0.9, np.nan])
    np.testing.assert_array_equal(values[1], [0.5, 0.7, 1.25, 0.9, 10.5, 12])
    assert warn_of_forms(frame, template)[:2] == [
        "column 'Pb [ppm]': <0.5 is read as 0.5 (2 cells of this kind)",
        "column 'Cd': <0,5 is read as 0.5 (2 cells of this kind)",
    ]
    without = RowTemplate.fit(frame.iloc[[1, 3, 4]], ["Pb [ppm]"])  # a word, as it was
    assert numbers_in(without, frame).is_word[:, 0].tolist() == [True, False, True, *[False] * 3]


def test_limits_may_be_said_in_words_behind_the_number():
    frame = pd.DataFrame({
        "Pb [ppm]": ["0.5未満", "0.7", "0.5 ppm 未満", "1.25", "0.9", "-"],
        "n": ["10以上", "７以下", "3", "4", "5%超", "6"],
        "age": ["20未満", "20以上40未満", "40以上", "60以上", "80以上", "20以上"],
        "rank": ["3号以上", "1", "2", "4", "5", "6"],
        "lots": ["2", "3", "4", "M0以上", "1", "9"],
    }, dtype=str)  # fmt: skip
    template = RowTemplate.fit(frame, list(frame.columns))
    assert RowTemplate.from_json(template.to_json()) == template
    (column, _, *others) = template.columns
    assert column.form.limits
    assert not any(own.form.limits for own in others)
    values = numbers_in(template, frame).values[:, 0]
    np.testing.assert_array_equal(values, [0.5, 0.7, 0.5, 1.25, 0.9, np.nan])
    said = "column 'Pb [ppm]': 0.5未満 is read as 0.5 (2 cells of this kind)"
    assert warn_of_forms(frame, template)[0] == said
    assert NumberForm.of(frame["n"], "n").bare(frame["n"])[:2] == ["10", "７"]


def test_a_minus_behind_the_numbers_of_a_whole_column_is_one():
    frame = pd.DataFrame({
        "Menge": ["12-", "3", "7-", "4", "", "5"],
        "Betrag": ["1.234,50-", "12,75", "3,25-", "4,5", "0,05 -", "2,25"],
    }, dtype=str)  # fmt: skip
    template = RowTemplate.fit(frame, list(frame.columns))
    assert RowTemplate.from_json(template.to_json()) == template
    values = numbers_in(template, frame).values.T.tolist()
    np.testing.assert_array_equal(values[0], [-12, 3, -7, 4, np.nan, 5])
    np.testing.assert_array_equal(values[1], [-1234.5, 12.75, -3.25, 4.5, -0.05, 2.25])
    said = "column 'Menge': 12- is read as -12 (2 cells of this kind)"
    assert warn_of_forms(frame, template)[0] == said


@pytest.mark.parametrize(
    "cells",
    [
        ["12-", "3", "4", "5"],  # one alone
        ["12-", "12-", "4", "5"],
        ["12-", "7-", "-4", "5"],
        ["12-", "7-", "A", "5"],
        ["12-", "7-"],
        ["5-3", "7-2", "4", "1"],
    ],
)
def test_a_dash_behind_numbers_that_may_mean_something_else_is_no_minus(cells):
    column = pd.Series(cells, dtype=str)
    assert NumberForm.of(column, "x").minus is None
    others = pd.Series(["12-", "7-", "4", "5"], dtype=str)  # control
    assert NumberForm.of(others, "x").minus == "-"


LARGE = {
    "1234567890123456": "1234567890123456",
    "1,234,567,890,123,457": "1234567890123457",
    "12345678901234567890": "12345678901234567890",
    "12345678901234567891": "12345678901234567891",
    "-1234567890123456.5": "-1234567890123456.5",
    "1000000000000000": "1e+15",
    "6.02214076e23": "6.02214076e+23",
    "1e308": "1e+308",
    "¥1234567890123456": "1234567890123456",
    "123456789012345678%": "1234567890123456.8",
    "999999999999999": "999999999999999",
}


def test_large_numbers_are_told_apart_and_read_back():
    frame = pd.DataFrame({"x": [*LARGE]}, dtype=str)
    template = RowTemplate.fit(frame, ["x"])
    texts = template.texts(frame)
    assert texts == [f"x: {text}" for text in LARGE.values()]
    np.testing.assert_allclose(
        template.read(texts).numbers.values, numbers_in(template, frame).values, rtol=1e-15
    )
    again = pd.DataFrame({"x": [text.removeprefix("x: ") for text in texts]}, dtype=str)
    assert template.texts(again) == texts
    earlier = RowTemplate(template.columns, notation=1)
    assert earlier.texts(frame)[0] == earlier.texts(frame.replace(r"6$", "9", regex=True))[0]
    assert earlier.texts(frame)[0] == "x: 1.23457e+15"


def test_percents_keep_the_decimals_of_what_they_mean():
    frame = pd.DataFrame({"y": [f"{97 + i / 10:.1f}%" for i in range(20)]}, dtype=str)
    assert RowTemplate.fit(frame, ["y"]).texts(frame)[3] == "y: 0.973"


DASHES = ["-", "－", "―", "—", "--", "−", "nd", "N.D.", "None", "null", "#DIV/0!", "#N/A",
          "#VALUE!", "未測定", "測定不可", "測定不能", "計測不能", "なし", "欠測",
          "欠損"]  # fmt: skip


def test_words_for_not_measured_are_missing_in_a_column_of_numbers_and_answers_in_text():
    frame = pd.DataFrame({"x": ["1", "2", *DASHES], "note": ["a", "b", *DASHES]}, dtype=str)
    template = RowTemplate.fit(frame, ["x", "note"])
    texts = template.texts(frame)[2:]
    assert {text.split("; ")[0] for text in texts} == {"x: missing"}
    assert "x: missing; note: なし" in texts
    assert not template.read(texts).numbers.is_word.any()


def test_small_numbers_are_told_apart():
    leaks = ["1.25e-12", "2.5e-12", "0.00000000000375", "5e-12"] * 5
    frame = pd.DataFrame({"leak": leaks}, dtype=str)
    template = RowTemplate.fit(frame, ["leak"])
    values = template.read(template.texts(frame)).numbers.values[:, 0]
    np.testing.assert_allclose(values, [float(leak) for leak in leaks], rtol=0.05)


def test_a_template_of_an_earlier_version_writes_and_reads_as_it_did():
    column = [{"name": "x", "decimals": 1}]
    old = RowTemplate.from_json({"columns": column})
    frame = pd.DataFrame({"x": ["1,999", "-", "97%", "", "2.25"]}, dtype=str)
    assert old.texts(frame) == ["x: 1,999", "x: -", "x: 97%", "x: missing", "x: 2.2"]
    assert np.isnan(old.read(old.texts(frame)).numbers.values[:4]).all()
    assert RowTemplate.from_json(old.to_json()) == old
    new = RowTemplate.from_json({"columns": column, "notation": 2})
    assert new.texts(frame)[:3] == ["x: 1999.0", "x: missing", "x: 1.0"]


def test_a_column_of_numbers_and_many_words_is_warned_of():
    frame = pd.DataFrame(
        {"x": [*map(str, range(23)), "abc", "d"], "few": ["1", "2", *"abc", *[""] * 20],
         "n": ["-", *map(str, range(24))]}, dtype=str
    )  # fmt: skip
    template = RowTemplate.fit(frame, ["x", "few", "n"])
    assert warn_of_words(frame, template) == [
        "column 'x': 92 % of the cells are numbers, others such as 'abc'; it is read as text"
    ]


def test_29_cells_of_50_are_58_percent():
    frame = pd.DataFrame({"x": [*map(str, range(29)), *(f"abc {i}" for i in range(21))]})
    (said,) = warn_of_words(frame, RowTemplate.fit(frame, ["x"]))
    assert said.startswith("column 'x': 58 % of the cells are numbers")


def test_numbers_of_a_sheet_and_of_a_csv_are_written_alike(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.5, None], "b": [10, 20, 30], "c": ["x", None, "z"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    texts = [
        read_table(tmp_path / f"a.{ending}", rows=RowColumns()).texts
        for ending in ("csv", "xlsx", "parquet", "jsonl")
    ]
    assert texts[0] == [
        "a: 1.0; b: 10; c: x",
        "a: 2.5; b: 20; c: missing",
        "a: missing; b: 30; c: z",
    ]
    assert all(other == texts[0] for other in texts)


def test_the_numbers_of_a_row_come_out_unrounded(machines):
    frame = frame_of(machines)
    numbers = numbers_in(RowTemplate.fit(frame, list(frame.columns)), frame)
    assert numbers.names == ("UDI", "Air temperature [K]", "Speed [rpm]", "Torque [Nm]")
    assert numbers.values.shape == (4, 4)
    assert numbers.values.dtype == np.float64
    np.testing.assert_array_equal(numbers.values[0], [1, 298.1, 1551, 42.83])
    assert math.isnan(numbers.values[2, 1])
    assert numbers_in(RowTemplate.fit(frame, ["Type"]), frame).values.shape == (4, 0)


def test_truth_values_are_words_and_not_numbers(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"on": true, "n": 1}\n{"on": null, "n": 2}\n')
    assert read_table(path, rows=RowColumns()).texts == ["on: True; n: 1", "on: missing; n: 2"]


def test_a_name_with_a_comma_stands_in_double_quotes():
    names = ["a, b", "c"]
    assert RowColumns('c, "a, b"').choose(names) == ["c", "a, b"]


def test_columns_are_found_by_names_in_other_case_width_and_blanks(machines):
    table = read_table(machines, rows=RowColumns("torque　［nm］, Type"))
    assert [column.name for column in table.template.columns] == ["Torque [Nm]", "Type"]
    assert table.notices == ("column 'Torque [Nm]' is taken for 'torque\\u3000［nm］'",)
    # A unit behind the name need not be asked for, but is no other one.
    assert RowColumns("温度,圧力").choose(["圧力(MPa)", "温度 [℃]"]) == ["温度 [℃]", "圧力(MPa)"]
    for present in (["温度 [℃]", "温度 [K]"], ["温度(上)"]):
        with pytest.raises(InputError, match="Got column '温度'"):
            RowColumns("温度").choose(present)
    for present in (["sensor (L)", "sensor (R)"], ["sensor (A)", "sensor (B)"],
                    ["sensor (C)", "sensor [K]"], ["sensor (x) [K]", "sensor [K]"]):  # fmt: skip
        with pytest.raises(InputError, match="Got column 'sensor'"):
            RowColumns("sensor").choose(present)
    # Brackets of another kind are the same.
    assert RowColumns("温度 [℃],圧力【MPa】").choose(["圧力(MPa)", "温度（℃）"]) == [
        "温度（℃）", "圧力(MPa)",
    ]  # fmt: skip
    with pytest.raises(InputError, match="Got column '温度 "):
        RowColumns("温度 [K]").choose(["温度 [℃]"])
    # Where two are as near, neither is meant.
    with pytest.raises(InputError, match="Got column 'A B'"):
        RowColumns("A B").choose(["ab", "a b"])
    # Blanks around a name are less of a difference than those inside it.
    assert RowColumns("a b").choose(["ab", " a b "]) == [" a b "]


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ("Typ", r"Got column 'Typ'; the table has: UDI, .*\. Pass --columns Type\."),
        ("UDI,Typ", r"Got column 'Typ'; .*\. Pass --columns UDI,Type\."),
        ("Type,Type", r"Got column 'Type' twice in --columns; expected each once; leave one out"),
        ("Type,TYPE", r"Got column 'Type' twice in --columns"),
        ("", r"Got --columns ''; expected names with commas between them; pass for example"),
        ("Type,", r"Got --columns 'Type,'; expected names with commas between them"),
    ],
)
def test_columns_that_cannot_be_written_are_refused(machines, asked, match):
    with pytest.raises(InputError, match=match):
        read_table(machines, rows=RowColumns(asked))


def test_a_suggested_column_with_a_comma_can_be_passed_too():
    with pytest.raises(InputError, match=r"""Pass --columns '"a, b",c'\."""):
        RowColumns('"a, bb",c').choose(["a, b", "c"])


@pytest.mark.parametrize("comma", ["，", "、", "،", "；", ";", "、 "])
def test_the_columns_are_suggested_that_stand_between_commas_of_another_keyboard(comma):
    columns = RowColumns(f"id,設備{comma}내용")
    with pytest.raises(InputError, match=r"Pass --columns 'id,設備,내용'\."):
        columns.choose(["id", "設備", "내용"])
    with pytest.raises(InputError, match=r"Pass --columns 'id,設備 \[mm\],내용'\."):
        columns.choose(["id", "設備 [mm]", "내용"])
    with pytest.raises(InputError, match=r"Pass --columns (?!'id,設備,내용')"):  # one is none
        columns.choose(["id", "設備", "数値"])
    assert columns.choose(["id", f"設備{comma}내용"]) == ["id", f"設備{comma}내용"]


def test_many_columns_of_other_names_are_said_in_one_sentence():
    present = [f"T{i} [℃]" for i in range(12)]
    (notice,) = RowColumns("T0,T1,T2,T3").notices(present)
    said = "'T0' = 'T0 [℃]', 'T1' = 'T1 [℃]', 'T2' = 'T2 [℃]', 'T3' = 'T3 [℃]'"
    assert notice == f"4 columns of other names are read: {said}"
    assert Language("ja").notice(notice) == f"名前の違う列を4列読みました: {said}"
    assert len(RowColumns("T0,T1,T2").notices(present)) == 3
    (notice,) = RowColumns(",".join(f"t{i}" for i in range(12))).notices(present)
    assert notice.startswith("12 columns of other names are read: 't0' = 'T0 [℃]', ")
    assert notice.endswith("'t9' = 'T9 [℃]', …")
    rows = pd.DataFrame({name: ["1"] for name in "abcd"}, dtype=str)
    (notice,) = RowTemplate.fit(rows, [*"abcd"]).notices(["A", "B", "C [s]", "D"])
    assert notice.endswith(": 'a' = 'A', 'b' = 'B', 'c' = 'C [s]', 'd' = 'D'")


def test_a_column_in_another_unit_than_that_of_the_template_is_refused():
    training = pd.DataFrame({"温度": ["25℃", "26℃"], "n": ["1", "2"]}, dtype=str)
    template = RowTemplate.fit(training, ["温度", "n"])
    same = pd.DataFrame({"温度 [℃]": ["27", "28℃"], "n [個]": ["1", "2"]}, dtype=str)
    assert template.texts(same) == ["温度: 27; n: 1", "温度: 28; n: 2"]
    other = pd.DataFrame({"温度 [K]": ["293"], "n": ["1"]}, dtype=str)
    match = r"Got column '温度 \[K\]' for '温度', whose unit was °C when .* expected °C; convert"
    for read in (template.texts, template.words):
        with pytest.raises(InputError, match=match):
            read(other)


def test_a_column_whose_name_has_another_unit_than_before_is_to_be_converted_not_only_renamed():
    training = pd.DataFrame({"圧力 [MPa]": ["9.1", "9.2"], "備考 (h)": ["a", "b"]}, dtype=str)
    template = RowTemplate.fit(training, ["圧力 [MPa]", "備考 (h)"])
    rows = {"備考 (h)": ["a"]}
    match = (
        r"Got column '圧力\(kPa\)' for '圧力 \[MPa\]', whose unit was MPa .* convert its numbers"
    )
    with pytest.raises(InputError, match=match):
        template.texts(pd.DataFrame({"圧力(kPa)": ["9100"], **rows}, dtype=str))
    for others in ({"圧力(kPa)": ["1"], "圧力(bar)": ["2"]}, {"油圧 [kPa]": ["1"]}, {}):
        with pytest.raises(InputError, match=r"Got column '圧力 \[MPa\]'; the table has"):
            template.texts(pd.DataFrame({**others, **rows}, dtype=str))
    words = pd.DataFrame({"圧力 [MPa]": ["9.1"], "備考 (min)": ["a"]}, dtype=str)
    with pytest.raises(InputError, match=r"Got column '備考 \(h\)'; the table has"):
        template.texts(words)


def test_a_count_in_brackets_is_no_label_text_or_column_of_words(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("不良（個）,コメント (件),t\n1,2,3\n0,1,4\n")
    with pytest.raises(InputError, match=r"Got column '不良'.* Pass --label-column"):
        read_table(path, text_column="t", label_column="不良")
    with pytest.raises(InputError, match=r"Got column 'コメント'.* Pass --text-column"):
        read_table(path, text_column="コメント")
    training = pd.DataFrame({"コメント": ["seal leaks", "belt worn"]}, dtype=str)
    template = RowTemplate.fit(training, ["コメント"])
    with pytest.raises(InputError, match="Got column 'コメント'"):
        template.texts(frame_of(path))
    training.to_excel(tmp_path / "a.xlsx", sheet_name="売上 (個)", index=False)
    with pytest.raises(InputError, match="Got --sheet '売上'"):
        read_table(tmp_path / "a.xlsx", text_column="コメント", options=ReadOptions(sheet="売上"))


def test_rows_of_a_text_file_are_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a\n")
    for rows in (RowColumns(), RowColumns("a,b")):
        with pytest.raises(InputError, match=r"Got --columns '.*' for .*, where each line is one"):
            read_table(path, rows=rows)


@pytest.mark.parametrize(
    "content",
    [
        None, [], {}, {"columns": []}, {"columns": [{}]}, {"columns": [{"name": "a"}]},
        {"columns": [{"name": "a", "decimals": 10**9}]},
        {"columns": [{"name": "a", "decimals": "1"}]},
        {"columns": [{"name": "a", "decimals": 1}], "notation": 4},
        {"columns": [{"name": "a", "decimals": 1, "unit": 3}]},
        {"columns": [{"name": "a", "decimals": 1, "unit": "号機"}]},
        {"columns": [{"name": "a", "decimals": 1, "minus": "▼"}]},
        {"columns": [{"name": "a", "decimals": 1, "thousands": ","}]},
        {"columns": [{"name": "a", "decimals": 1, "points": "."}]},
        {"columns": [{"name": "a", "decimals": 1, "comma": 1}]},
        {"columns": [{"name": "a", "decimals": 1, "limits": "<"}]},
    ],
)  # fmt: skip
def test_a_stored_template_that_is_none_is_refused(content):
    with pytest.raises(ArtifactError, match=r"Got an input entry .*; expected what fit wrote"):
        RowTemplate.from_json(content)


def test_a_column_that_only_counts_rows_is_warned_of(machines):
    frame = frame_of(machines)
    notice, advice = warn_of_new_values(frame, list(frame.columns))
    assert notice == (
        "column 'UDI' only counts the rows, and in new rows its numbers are all new; leave it out "
        "with --columns"
    )
    assert advice.startswith("to read no such column pass --columns 'Type,Air temperature [K],Sp")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "xlsx"])
def test_a_column_that_counts_rows_is_warned_of_in_a_sample_of_them(tmp_path, ending):
    frame = pd.DataFrame({"n": range(7, 97), "t": [i % 7 + 290 for i in range(90)]})
    path = tmp_path / f"a.{ending}"
    writers = {"csv": frame.to_csv, "xlsx": frame.to_excel, "parquet": frame.to_parquet}
    if ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        writers[ending](path, index=False)
    table = read_table(path, rows=RowColumns(), options=ReadOptions(sample=RowSample(30, 0)))
    assert len(table.frame) == 30
    assert [*new_values(table.frame, ["n", "t"])] == ["n"]


def test_rows_left_out_of_a_data_frame_do_not_hide_that_a_column_counts_them():
    frame = pd.DataFrame({"n": range(90), "t": [i % 7 + 290 for i in range(90)]})
    assert [*new_values(frame[frame["t"] < 294], ["n", "t"])] == ["n"]
    assert [*new_values(pd.concat([frame[:40], frame[40:].set_axis(range(50))]), ["n"])] == ["n"]
    by_name = frame[frame["t"] < 294].set_axis([f"row {i}" for i in range(52)])
    assert [*new_values(by_name, ["n", "t"])] == []


@pytest.mark.parametrize("step", [1, -1])
def test_a_column_counts_rows_from_the_last_one_and_past_empty_cells_too(step):
    count = [str(n) for n in range(40, 70)][::step]
    empty, word, twice = ([*count[:9], cell, *count[10:]] for cell in (" ", "end", count[8]))
    assert [*new_values(pd.DataFrame({"n": count, "t": empty}), ["n", "t"])] == ["n", "t"]
    left_out = pd.DataFrame({"n": empty}).iloc[::3]
    assert [*new_values(left_out, ["n"])] == ["n"]
    by_name = left_out.set_axis([f"row {i}" for i in range(10)])
    few = pd.DataFrame(
        {"n": [*count[:3], *[""] * 27], "t": twice}
    )  # as a measurement may stand there
    for others in (pd.DataFrame({"n": word, "t": twice}), by_name.assign(t="1"), few):
        assert [*new_values(others, ["n", "t"])] == []


DATES = {
    "iso": [f"2025-04-{day:02}" for day in range(1, 30)],
    "slashed": [f"2025/4/{day} 8:0{day % 10}" for day in range(1, 30)],
    "short": [f"{day}.4.2025" for day in range(1, 30)],
    "japanese": [f"令和7年4月{day}日(火) 午前8時" for day in range(1, 30)],
    "month": [f"４月{day}日" for day in range(1, 30)],
    "digits": [f"202504{day:02}0830" for day in range(1, 30)],
    "american": [f"4/{day}/25 8:0{day % 10}" for day in range(1, 30)],
    "english": [f"{day:02}-04-25" for day in range(1, 30)],
    "two digits": [f"25/04/{day:02}" for day in range(1, 30)],
    "era": [f"R7.4.{day}" for day in range(1, 30)],
    "era of words": [f"令和7/4/{day}" for day in range(1, 30)],
    "zone": [f"2025-04-{day:02}T08:30:00+09:00" for day in range(1, 30)],
    "named": [f"{day:02} Apr 2025" for day in range(1, 30)],
    "named first": [f"April {day}, 2025 8:15 pm" for day in range(1, 30)],
    "named short": [f"{day:02}-APR-25" for day in range(1, 30)],
    "german": [f"{day}. März 2025, 06:15 Uhr" for day in range(1, 30)],
    "german digits": [f"{day:02}.04.25 06:15" for day in range(1, 30)],
    "weekday": [
        f"{['Mo', 'Di', 'Mi', 'Do', 'Fr', 'Sa', 'So'][day % 7]} {day}.4.2025"
        for day in range(1, 30)
    ],
    "mail": [f"Thu, {day:02} Apr 2025 06:15:00 +0900" for day in range(1, 30)],
    "web log": [f"{day:02}/Apr/2025:06:15:00 +0900" for day in range(1, 30)],
    "system log": [f"Apr {day:2} 06:15:00" for day in range(1, 30)],
    "comma": [f"2025-04-{day:02} 06:15:00,250" for day in range(1, 30)],
    "weekday behind": [f"4/{day}(火)" for day in range(1, 30)],
    "in order": [f"4/{day}" for day in range(1, 30)],
    "day and month": [f"{day:02}.04." for day in range(1, 30)],
    "months": [f"{2020 + i // 12}-{1 + i % 12:02}" for i in range(29)],
    "months of words": [f"{2020 + i // 12}年{1 + i % 12}月" for i in range(29)],
    "months by name": [
        f"{['Jan', 'Feb', 'Mar', 'Apr', 'May'][i % 5]} {2000 + i}" for i in range(29)
    ],
    "weeks": [f"2025-W{1 + i:02}" for i in range(29)],
    "german weeks": [f"KW {1 + i}/2025" for i in range(29)],
}
CODES = {
    "order": [f"WO-{1000 + 7 * i}" for i in range(29)],
    "wide": [f"Ａ{1000 - i}" for i in range(29)],
    "japanese": [f"保全-{100 + i * i}" for i in range(29)],
    "lot": [f"24A{i:04}" for i in range(29)],
    "diode": [f"1N{4000 + 3 * i}" for i in range(29)],
    "year": [f"2024K{i:03}" for i in range(29)],
    "dash": [f"2024-{i:04}" for i in range(29)],
    "hex": [f"{i * 987654321 % 2**32:08x}-4f" for i in range(29)],
}


TIMES = {
    "minutes": [f"{i % 24}:{7 * i % 60:02}" for i in range(29)],
    "seconds": [f"{i % 24:02}:{7 * i % 60:02}:{i:02}" for i in range(29)],
    "parts": [f"08:15:{i:02}.250" for i in range(29)],
    "japanese": [f"午後{1 + i % 11}時{2 * i}分" for i in range(29)],
    "kanji": [f"{i % 24}時{i:02}分{i:02}秒" for i in range(29)],
    "english": [f"{1 + i % 12}:{2 * i:02} {'AP'[i % 2]}M" for i in range(29)],
    "german": [f"{i % 24}:{7 * i % 60:02} Uhr" for i in range(29)],
    "comma": [f"08:15:{i:02},250" for i in range(29)],
}


@pytest.mark.parametrize("cells", TIMES.values())
def test_times_of_day_are_warned_of_where_they_are_many(cells):
    frame = pd.DataFrame({"時刻": cells, "t": ["1"] * 29}, dtype=str)
    said = "column '時刻' holds times of day, and those of new rows are all new; leave it out"
    assert warn_of_new_values(frame, ["時刻", "t"])[0].startswith(said)
    again = frame.assign(時刻=[*cells[:24], *cells[:5]])  # as when shifts begin
    assert warn_of_new_values(again, ["時刻", "t"]) == []
    as_durations = frame[["時刻"]].set_axis(["サイクルタイム"], axis=1)
    n_warned = len(warn_of_new_values(as_durations, ["サイクルタイム"]))
    assert n_warned == (any(set("午時MU") & set(cell) for cell in cells) or "," in cells[0])


def test_whole_numbers_that_name_the_rows_are_warned_of():
    numbers = [f"{7 * i % 29 + 300}" for i in range(29)]
    for name, cells in (("Order No", numbers), ("製造番号", [f"００{n}" for n in numbers])):
        (notice,) = warn_of_new_values(pd.DataFrame({name: cells}), [name])
        assert notice.startswith(f"column '{name}' holds codes that hardly repeat")
    for name, cells in (
        ("load", numbers),
        ("Machine No", [f"{n[-1]}" for n in numbers]),
        ("No", [f"{n}.5" for n in numbers]),
        ("No", numbers[:19]),
    ):
        assert warn_of_new_values(pd.DataFrame({name: cells}), [name]) == []


def test_what_is_ever_new_is_neither_a_number_nor_a_category_of_rows():
    frame = orders().assign(cycle=range(72), date=[f"{20250401 + i % 30}" for i in range(72)])
    template = RowTemplate.fit(frame, list(frame.columns))
    new = [own.name for own in template.columns if own.is_ever_new]
    assert new == ["order", "day", "cycle", "date"]
    assert template.counted == ["machine"]
    assert RowTemplate.from_json(json.loads(json.dumps(template.to_json()))) == template
    stored = template.to_json()["columns"]
    for own in (stored[2] | {"decimals": 1}, stored[2] | {"category": stored[1]["category"]}):
        with pytest.raises(ArtifactError, match="what is ever new among what counts"):
            RowTemplate.from_json({"columns": [*stored[:2], own]})
    in_disorder = frame.sample(frac=1, random_state=0).reset_index(drop=True)
    assert RowTemplate.fit(in_disorder, ["order", "machine", "cycle"]).counted == [
        "order",
        "machine",
        "cycle",
    ]


@pytest.mark.parametrize("cells", [["01.03.25", "02.03.25"], ["25/03/01"], ["250301", "250302"]])
def test_short_dates_of_few_days_are_told_by_the_name_of_their_column(cells):
    said = [cells[i * len(cells) // 30] for i in range(30)]
    for name in ("Datum", "mfg_date", "生産日期", "検査日"):
        frame = pd.DataFrame({name: said, "product": ["A", "B"] * 15})
        assert new_among(frame) == [name], name
    for name in ("size", "update", "Datumscode"):  # control
        assert new_among(pd.DataFrame({name: said, "product": ["A", "B"] * 15})) == []
    sizes = pd.DataFrame({"Datum": ["10-20-30", "40-20-30"] * 15, "product": ["A", "B"] * 15})
    assert new_among(sizes) == []


@pytest.mark.parametrize("name", ["Lot", "製造ロット", "batchNo", "Chargen-Nr.", "批次号"])
def test_lots_that_count_up_are_ever_new_however_few_and_whatever_depends_on_them(name):
    lots = ["L99", "L100"]
    recipes = {"L99": "R1", "L100": "R2"}
    frame = tools(lots, name=name, step=4.0)
    frame["recipe"] = frame[name].map(recipes)
    assert new_among(frame) == ["day", name]
    assert new_among(tools(["4711"], name=name)) == ["day", name]
    for others in (tools(lots, name="tool", step=4.0), tools(["L1", "L2", "L1"], name=name)):
        assert new_among(others) == ["day"]
    words = tools(["a", "b"], name=name)
    assert new_among(words) == ["day"]


MIXED = np.random.default_rng(3).permutation(np.repeat(np.arange(5), 20))


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("Lot", np.repeat(["L99", "L100"], 50), ""),
        ("ロット番号", np.repeat(["A12"], 100), ""),
        ("batch", np.repeat(["4711", "4716", "4712", "4720"], 25), ""),
        ("Lot", np.r_[np.repeat(["L99"], 40), ["L9"], np.repeat(["L99", "L100"], 30)][:100], ""),
        ("Lot", [f"B-{i}" for i in MIXED], ""),
        ("Lot", [f"B-{i % 4}" for i in MIXED], "four kinds that come again"),
        ("charge", [f"{4711 + i}" for i in MIXED], "amounts"),
        ("Lot", [*"abcde"] * 20, "words"),
        ("Lot", [f"{i / 7:.2f}" for i in range(100)], "measured"),
        ("Lot", [f"{(7 * i) % 100}" for i in range(100)], "numbers none of which comes again"),
        ("station", [f"B-{i}" for i in MIXED], "nothing says that they are lots"),
        ("Heat No.", [f"H{i}" for i in MIXED], ""),
        ("溶解番号", np.repeat(["4711", "4716", "4712", "4720"], 25), ""),
        ("heat", [f"H{i}" for i in MIXED], "it may be a kind of heat"),
        ("charge", [f"{i}" for i in np.repeat([3, 5, 9], [33, 33, 34])], ""),
        ("Lot", [""] * 100, "empty"),
    ],
)
def test_lots_are_ever_new_without_dates_where_their_column_is_called_so(name, cells, why):
    force = np.random.default_rng(1).normal(50, 1, 100).round(2)
    frame = pd.DataFrame({"force": force, name: cells})
    assert new_among(frame) == ([] if why else [name]), why


def test_lots_without_dates_are_warned_of():
    frame = pd.DataFrame({"Lot": np.repeat(["L7", "L9"], 20), "machine": ["M1", "M2"] * 20})
    assert warn_of_new_values(frame, ["Lot", "machine"]) == [
        "column 'Lot' holds lots, and those of new rows are all new; leave it out with --columns",
        "to read no such column pass --columns machine",
    ]


def metered(**columns):
    """Return rows of which no column shows time, beside a number that tells nothing of the place.

    A column is given by its steps, or as it is where it has one more value.
    """
    frame = pd.DataFrame({"force": np.random.default_rng(5).normal(50, 1, 60).round(2)})
    for name, own in columns.items():
        frame[name] = np.round(own if len(own) == 60 else 800 + np.cumsum([0, *own]), 2)
    return frame


RNG = np.random.default_rng(0)
STEPS = RNG.normal(5, 1, 59)
TWICE = 2 * np.arange(60)


@pytest.mark.parametrize(
    ("frame", "new"),
    [
        (metered(energy=STEPS), ["energy"]),
        (metered(left=-STEPS), ["left"]),
        (metered(energy=STEPS, water=RNG.choice([1.0, 1.2, 1.5], 59)), ["energy", "water"]),
        (metered(place=[10.0] * 59), ["place"]),
        (metered(energy=STEPS, huge=TWICE * 1e200), []),
        (metered(size=np.sort(RNG.normal(100, 15, 60))), []),
        (metered(size=np.sort(RNG.uniform(0, 100, 60))), []),
        (metered(energy=np.repeat(STEPS, 4)[:59]), []),  # goes on
        (metered(way=TWICE + RNG.normal(0, 0.2, 60)), []),  # measured: turns back
        (metered(way=TWICE, pull=np.sin(TWICE / 20)), []),
        (metered(way=TWICE, pull=3 * TWICE + RNG.normal(0, 0.2, 60)), []),
        (metered(energy=STEPS).drop(columns="force"), []),
        (metered(energy=STEPS)[:39], []),
        (metered(energy=[*STEPS[:58], -1]), []),
    ],
)
def test_running_totals_are_ever_new_without_dates_where_the_order_tells_nothing(frame, new):
    assert new_among(frame) == new
    assert [*new_later(frame.astype(str), [*frame.columns])] == new


def tools(codes, *, n_each=30, name="tool", step=0.0):
    """Return rows in the order of time, whose lengths grow with the code by so many deviations."""
    rng, n_rows = np.random.default_rng(0), n_each * len(codes)
    places = np.arange(n_rows) // n_each
    return pd.DataFrame(
        {
            "day": pd.date_range("2026-04-01", periods=n_rows, freq="7h").strftime("%Y-%m-%d"),
            name: [codes[i] for i in places],
            "machine": rng.choice(["M1", "M2"], n_rows),
            "length": (step * places + rng.normal(50, 1, n_rows)).round(2),
        }
    )


def new_among(frame):
    template = RowTemplate.fit(frame, [*frame.columns])
    return [own.name for own in template.columns if own.is_ever_new]


@pytest.mark.parametrize(
    ("codes", "name"),
    [
        (["T99", "T100", "T101", "T102", "T103"], "tool"),
        (["c2503", "C2511", "C2517", "C2520", "C2531"], "coil"),
        (["X8/3", "X8/12", "X9/1", "X9/2", "X10/1"], "lot"),
        (["4711", "4713", "4714", "4718", "4720"], "Batch No"),
        (["ロット９", "ロット10", "ロット11", "ロット12", "ロット13"], "lot"),
    ],
)
def test_codes_that_count_up_in_time_are_ever_new_however_few(codes, name):
    frame = tools(codes, name=name)
    assert new_among(frame) == ["day", name]
    assert new_among(frame[::-1].reset_index(drop=True)) == ["day", name]
    spaced = frame.assign(
        **{name: ["" if i % 7 == 3 else own for i, own in enumerate(frame[name])]}
    )
    assert new_among(spaced) == ["day", name]


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (tools(["T1", "T2", "T3", "T4"]), "few"),
        (tools(["T1", "T2", "T3", "T4", "T1", "T5"]), "one returns"),
        (tools(["T1", "T2", "T4", "T3", "T5"]), "in disorder"),
        (tools(["a", "b", "c", "d", "e"]), "words"),
        (tools(["20 mm", "25 mm", "30 mm", "35 mm", "40 mm"]), "measured"),
        (tools(["D20", "D25", "D30", "D35", "D40"], step=4.0), "the length is that of the size"),
        (tools([f"T{i}" for i in range(1, 6)]).assign(day="2026-04-01"), "by tool, not in time"),
        (tools([*(f"T{i}" for i in range(1, 6)), "T1"], n_each=1010), "it returns far below"),
        (tools(["4711", "4713", "4714", "4718", "4720"], name="force"), "numbers"),
    ],
)
def test_codes_that_may_return_count(frame, why):
    assert [name for name in new_among(frame) if name != "day"] == [], why


@pytest.mark.parametrize("cells", [*DATES.values(), *CODES.values()])
def test_dates_and_codes_that_go_on_in_new_rows_are_warned_of(cells):
    frame = pd.DataFrame({"when": cells, "a, b": ["M"] * 29, "t": ["1"] * 29}, dtype=str)
    kind = "dates, and" if cells in DATES.values() else "codes that hardly repeat, and"
    assert warn_of_new_values(frame, ["when", "t", "a, b"]) == [
        f"column 'when' holds {kind} those of new rows are all new; leave it out with --columns",
        "to read no such column pass --columns 't,\"a, b\"'",
    ]
    assert len(warn_of_new_values(frame, ["when"])) == 1


def orders(*, order=1):
    """Return rows of sixteen orders, of three to six rows each, a day or none apart."""
    lot = [i for i in range(16) for _ in range(3 + i % 4)]
    return pd.DataFrame(
        {
            "order": [f"L-{250 + i}" for i in lot],
            "machine": [f"CNC-{100 + 7 * i % 8}" for i in range(len(lot))],
            "day": [f"2025/{4 + i // 10}/{1 + i % 10}" for i in lot],
        }
    )[::order]


@pytest.mark.parametrize("order", [1, -1])
def test_codes_that_come_for_some_rows_only_are_warned_of(order):
    frame = orders(order=order)
    assert warn_of_new_values(frame, ["order", "machine"]) == [
        "column 'order' holds codes that come for a while only, and those of new rows are all new; "
        "leave it out with --columns",
        "to read no such column pass --columns machine",
    ]


GROWING = {
    "energy": [f"{48211 + 3 * i + i % 2},{i % 7}" for i in range(72)],
    "total [kWh]": [f"{12.3 + 4.1 * i:.1f} kWh" for i in range(72)],
    "running time": [f"{1200 + i}:{7 * i % 60:02}" for i in range(72)],
    "parts": [str(400 + i // 4) for i in range(72)],
    "oil left": [str(900 - i - i % 2) for i in range(72)],
    "gaps": [str(i * i) if i % 9 else "" for i in range(72)],
}


@pytest.mark.parametrize("name", GROWING)
def test_numbers_that_only_grow_or_only_fall_in_time_are_warned_of(name):
    frame = orders()[["day"]].assign(**{name: GROWING[name], "machine": ["M1", "M2"] * 36})
    said = f"column '{name}' holds numbers that only grow or only fall in time, and those of new "
    assert warn_of_new_values(frame, [name, "machine"])[0].startswith(said)
    assert new_values(frame, [name]) == {}
    cells = GROWING[name]
    for own in (
        frame.drop(columns="day"),  # as a table may be sorted by what it measures
        frame.sample(frac=1, random_state=0),
        frame.assign(**{name: [*cells[:71], cells[60]]}),
        frame.assign(**{name: [cells[9 * (i // 9)] for i in range(72)]}),  # as set points do
    ):
        assert warn_of_new_values(own, [name, "machine"]) == []


@pytest.mark.parametrize(
    ("first", "step"), [(45748.25, 0.04), (1.7434e9, 61), (1.7434e12, 250), (1.7434e18, 1e9)]
)
def test_moments_in_numbers_are_new_and_say_that_rows_are_in_time(first, step):
    frame = orders().assign(day=[first + step * (i + i // 7) for i in range(72)])
    assert [*new_later(frame, ["order", "day", "machine"])] == ["order", "day"]
    other = frame.assign(day=[1 + step * (i + i // 7) for i in range(72)])
    assert [*new_later(other, ["order", "day", "machine"])] == []


@pytest.mark.parametrize("written", ["{:%d.%m.%Y}", "{:%m/%d/%Y %I:%M %p}", "{:%d %b %Y}"])
@pytest.mark.parametrize("order", [1, -1])
def test_dates_in_any_form_say_that_rows_are_in_time(written, order):
    days = pd.date_range("2025-11-20 08:30", periods=72, freq="7h")
    frame = orders().assign(day=[written.format(day) for day in days])[::order]
    assert [*new_later(frame, ["order", "machine"])] == ["order"]
    assert [*new_later(frame.sample(frac=1, random_state=0), ["order", "machine"])] == []


SLIPS = {
    "a month that there is not": "2025/13/02",
    "another year": "2052/4/2",
    "day and month swapped": "2025/12/4",
    "a subtotal": "Total April",
}


@pytest.mark.parametrize("said", SLIPS.values(), ids=SLIPS.keys())
@pytest.mark.parametrize("order", [1, -1])
def test_a_mistyped_date_or_a_subtotal_does_not_hide_that_rows_are_in_time(said, order):
    frame = orders().assign(meter=range(700, 1060, 5))
    frame.loc[[20, 21], "day"] = said
    assert [*new_later(frame[::order], [*frame.columns])] == ["order", "day", "meter"]
    frame.loc[20:24, "day"] = said  # more than one in twenty
    assert [*new_later(frame[::order], ["order", "meter"])] == []


@pytest.mark.parametrize("said", ["0", "9999", "7350"])
def test_a_meter_that_is_misread_once_still_only_grows(said):
    frame = orders()[["day"]].assign(meter=[str(700 + 5 * i + i % 3) for i in range(72)])
    frame.loc[30, "meter"] = said
    assert [*new_later(frame, ["meter"])] == ["meter"]
    frame.loc[31, "meter"] = said  # a sensor that stands still is another matter
    assert [*new_later(frame, ["meter"])] == []


def test_a_lot_that_is_mistyped_once_still_counts_up():
    frame = tools(["L99", "L100"], name="Lot")
    frame.loc[40, "Lot"] = "L10"
    assert new_among(frame) == ["day", "Lot"]


@pytest.mark.parametrize("step", [1, -1])
def test_totals_and_notes_do_not_hide_that_a_column_counts_the_rows(step):
    count = [str(n) for n in range(300, 400)][::step]
    said = {"n": "only counts the rows, and in new rows its numbers are all new"}
    for cells in (
        [*count, "Note: gauge 4"],
        [*count, "", "Total", "printed 2026-03-10"],
        [*count[:40], "Subtotal", *count[40:], "Total"],
    ):
        assert new_values(pd.DataFrame({"n": cells}), ["n"]) == said
    for cells in (
        [*count, "a", "b", "c"],
        [*count[:40], "Subtotal", *count[42:]],
        [*count, "Total", *count],
    ):
        assert new_values(pd.DataFrame({"n": cells}), ["n"]) == {}


def test_a_note_below_whole_numbers_that_name_the_rows_makes_no_measured_ones_of_them():
    numbers = [f"{7 * i % 29 + 300}" for i in range(29)]
    for cells, n in (([*numbers, "Note: gauge 4"], 1), ([*numbers, "a", "b"], 0)):
        assert len(new_values(pd.DataFrame({"Order No": cells}), ["Order No"])) == n


def test_four_days_in_order_do_not_say_that_rows_are_in_time():
    for n_days, said in ((4, []), (6, ["order"])):
        days = [f"2025-04-0{1 + i * n_days // 72}" for i in range(72)]
        assert [*new_later(orders().assign(day=days), ["order"])] == said


def test_lots_that_overlap_and_have_two_parts_come_for_a_while_only():
    frame = orders()
    overlapping = [f"{250401 + i // 10}-{1 + i % 3}" for i in range(72)]
    assert [*new_later(frame.assign(order=overlapping), ["order"])] == ["order"]
    again = [f"{250401 + i // 10 % 3}-{1 + i % 3}" for i in range(72)]
    assert [*new_later(frame.assign(order=again), ["order"])] == []


def test_remarks_that_are_ever_new_in_time_are_no_codes():
    remarks = [f"金型を清掃した。次回交換{i}個" for i in range(72)]
    for cells in (
        remarks,
        [f"温度{i}度に調整" for i in range(72)],
        [f"No.{i}済" for i in range(72)],
    ):
        assert [*new_later(orders().assign(order=cells), ["order"])] == []


def test_dates_that_come_again_in_time_are_words_as_those_of_releases():
    frame = orders().assign(release=["2024-01-10", "2024-06-01", "2024-06-01"] * 24)
    assert [*new_later(frame, ["release", "day"])] == ["day"]
    assert RowTemplate.fit(frame, ["release", "day", "machine"]).counted == ["release", "machine"]
    new_ones = frame.assign(release=[*frame["release"][:60], *["2025-01-07"] * 12])
    once = frame.assign(release=sorted(frame["release"]))
    digits = frame.assign(release=frame["release"].str.replace("-", ""))  # would be numbers
    for own in (new_ones, once, digits, frame.sample(frac=1, random_state=0)):
        assert "release" in new_later(own, ["release", "day"])
    by_quarters = [f"{i % 9 + 6}:{15 * (i % 4):02}" for i in range(72)]
    every_day = pd.concat([frame.assign(time=by_quarters).assign(day=d) for d in DATES["iso"]])
    assert [*new_later(every_day, ["time"])] == ["time"]


def test_codes_in_rows_that_nothing_says_to_be_in_order_of_time_may_come_again():
    frame = orders()
    by_machine = frame.sort_values(["machine", "day"], kind="stable")
    for own, names in (
        (frame[["order", "machine"]], ["order", "machine"]),
        (by_machine, ["order", "machine"]),
        (frame.sample(frac=1, random_state=0), ["order"]),
        (frame.assign(order=[*frame["order"][:30], *frame["order"][: len(frame) - 30]]), ["order"]),
        (frame.assign(order=frame["order"].str.replace("L-2", "lot ")), ["order"]),
        (frame[frame["order"] < "L-255"], ["order"]),
    ):
        assert warn_of_new_values(own, names) == []


def test_dates_of_a_sheet_are_warned_of():
    times = pd.date_range("2025-04-01 08:00", periods=20, freq="min").to_series(name="when")
    (notice,) = warn_of_new_values(times.to_frame(), ["when"])
    assert notice.startswith("column 'when' holds dates")


@pytest.mark.parametrize(
    "cells",
    [
        [f"{8 + i % 9}:00" for i in range(29)],  # times of the day come again
        [f"A{i % 20}" for i in range(29)],
        [f"ポンプ{i}号機の振動が大きいため交換した" for i in range(29)],
        [f"pump {i} leaks" for i in range(29)],
        [f"{i * i}mm" for i in range(29)],
        [f"{i / 7:.3f}" for i in range(29)],
        [f"{20250000 + 77 * i}" for i in range(29)],
        [*DATES["iso"][:20], *["as planned"] * 9],
        ["", *[f"{part}-{size}" for part in "ABCD" for size in "XYZ"]],
        [f"2025-04-{day:02} pump {day} leaks" for day in range(1, 30)],
        # Sizes, parts, ranges, durations and messages are no dates and no codes.
        ["10-20-30", "12-24-36", "50-60-100"] * 9,
        ["10/20/30"] * 29,
        [f"{10 + i}-{20 + i}-{30 + i}" for i in range(29)],
        [f"12-10-{100 + i}" for i in range(29)],
        [f"S10-20-{30 + i}" for i in range(29)],
        [f"R12-3-{i + 3}" for i in range(29)],
        [f"{120 + i}x{80 + i}" for i in range(29)],
        [f"{120 + i}x{800 + i}" for i in range(29)],
        [f"{100 + i}-{200 + i}" for i in range(29)],
        [f"{i}-{i + 2}" for i in range(29)],
        [f"{1 + 5 * i % 12}/{1 + i}" for i in range(29)],  # ratios, as they are in no order
        [f"1.{i // 6}.{10 + i % 6}" for i in range(29)],  # versions
        [f"4.20{10 + i}" for i in range(29)],
        [f"May {i}: pump {i} leaks" for i in range(29)],
        [f"{i} mars" for i in range(29)],
        [f"{110 + i}-{70 + i}" for i in range(29)],
        [f"{12 + i}m30s" for i in range(29)],
        [f"{100 + i}MB" for i in range(29)],
        [f"エラー{400 + i}" for i in range(29)],
        [f"-{400 + i}" for i in range(29)],
        # A few rows are alike by chance.
        CODES["order"][:19],
        DATES["iso"][:19],
    ],
)
def test_values_that_come_again_texts_and_measurements_are_not_warned_of(cells):
    assert warn_of_new_values(pd.DataFrame({"x": cells}, dtype=str), ["x"]) == []


def test_only_the_first_rows_are_searched_for_values_that_are_new():
    cells = [*(f"WO-{1000 + 7 * i}" for i in range(5000)), *["as planned"] * 5000]
    (notice,) = warn_of_new_values(pd.DataFrame({"x": cells}, dtype=str), ["x"])
    assert notice.startswith("column 'x' holds codes")


def test_rows_longer_than_what_is_read_are_warned_of(machines):
    texts = read_table(machines, rows=RowColumns()).rounded().texts
    assert warn_of_length(texts, 64, has_numbers=True) == []
    (notice,) = warn_of_length(texts, 32, has_numbers=True)
    assert notice == (
        "a row has about 42 tokens, of which the model reads the first 32 (the columns of "
        "numbers count in full); pass --max-tokens 64, or "
        "fewer columns with --columns"
    )
    (shorter,) = warn_of_length(texts, 32, has_numbers=False)
    assert "reads the first 32; pass" in shorter
    assert all(is_japanese(Language("ja").notice(said)) for said in (notice, shorter))
    assert "先頭32トークンです（数値の列はすべて使います）" in Language("ja").notice(notice)


# The column of texts, guessed

ORDERS = "id,date,{name},part\n" + "".join(
    f"{i},2024-03-0{i},pump {i} leaks at the seal,rotor\n" for i in range(1, 6)
)


def guess(tmp_path, content, name="a.csv", **options):
    path = tmp_path / name
    path.write_text(content)
    return choose_text_column(open_table(path, ReadOptions(**options)), None)


def test_the_one_column_of_many_words_is_guessed_and_said(tmp_path):
    found = guess(tmp_path, ORDERS.format(name="OriginalShorttext"))
    assert found.name == "OriginalShorttext"
    said = "the texts are read from column 'OriginalShorttext' (--text-column)"
    assert found.notices == (said,)


def test_a_japanese_column_is_guessed(tmp_path):
    content = "番号,日付,作業内容,部署\n" + "1,2024-03-01,ポンプから油漏れを確認、交換,保全\n" * 3
    assert guess(tmp_path, content).name == "作業内容"


def test_the_usual_name_decides_between_wordy_columns(tmp_path):
    content = "note,text\n" + "a long note of many words,another long text of many words\n" * 3
    assert guess(tmp_path, content).name == "text"
    path = tmp_path / "b.csv"
    path.write_text(content.replace("text\n", "remark\n", 1))
    for may_take_rows, end in (
        (True, ", or --columns or --all-columns to take rows .*"),
        (False, ""),
    ):
        options = ReadOptions(may_take_rows=may_take_rows)
        match = rf"^Got no --text-column; .* Pass --text-column with one of them{end}\.$"
        with pytest.raises(InputError, match=match):
            read_table(path, options=options)


def test_a_template_is_fitted_on_columns_that_are_there():
    frame = pd.DataFrame({"Type": ["M", "L"], 7: [1.5, 2.5]})
    with pytest.raises(InputError, match=r"Got column 'Tpye'; the table has: Type, 7\."):
        RowTemplate.fit(frame, ["Type", "Tpye"])
    with pytest.raises(InputError, match="Got column '8'"):  # as a number it was a TypeError
        RowTemplate.fit(frame, ["Type", 8])


def test_words_of_japanese_rows_are_written_in_usual_widths_but_by_earlier_templates():
    rows = pd.DataFrame({"備考": ["ﾎﾟﾝﾌﾟ\u3000Ｐ２", "ＮＧ"]}, dtype=str)
    template = RowTemplate.fit(rows, ["備考"])
    assert template.texts(rows) == ["備考: ポンプ P2", "備考: ＮＧ"]
    mixed = rows.assign(備考=["カﾞｽ弁", "ガス弁"])  # a narrow voice mark behind a wide letter
    assert template.texts(mixed) == ["備考: ガス弁"] * 2
    earlier = RowTemplate(template.columns, notation=2)
    assert earlier.texts(rows) == ["備考: ﾎﾟﾝﾌﾟ Ｐ２", "備考: ＮＧ"]


def test_rows_are_written_out_of_columns_of_other_blanks_and_width():
    template = RowTemplate.fit(
        pd.DataFrame({"温度 [℃]": ["1"], "Type": ["M"]}, dtype=str), ["温度 [℃]", "Type"]
    )
    rows = pd.DataFrame({"TYPE": ["L"], "温度　[℃]": ["2"]}, dtype=str)
    assert template.texts(rows) == ["温度 [℃]: 2; Type: L"]
    assert numbers_in(template, rows).values.tolist() == [[2.0]]
    assert template.notices(list(rows.columns)) == [
        "column '温度\\u3000[℃]' is taken for '温度 [℃]'",
        "column 'TYPE' is taken for 'Type'",
    ]
    twice = RowTemplate.from_json({"columns": [{"name": n, "decimals": None} for n in ("a", "A")]})
    with pytest.raises(
        InputError, match=r"Got column 'A'; the table has: 'a'\. The detector was fitted"
    ):
        twice.texts(pd.DataFrame({"a": ["1"]}, dtype=str))


def test_a_table_without_sentences_has_no_column_of_texts(machines):
    with pytest.raises(InputError, match="Got no --text-column; the table has: UDI, Type, Air"):
        choose_text_column(open_table(machines), None)


def test_a_label_column_is_never_the_column_of_texts(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,y\nok,0\nbad,1\n")
    table = read_table(path, label_column="y")
    assert (table.text_column, table.notices) == ("text", ())  # the only one left


@pytest.mark.parametrize("sign", ["-", "▲"])
def test_blanks_behind_a_sign_are_read_in_a_time_that_grows_as_they_do(sign):
    cells = ["12,5", "13,25", "12,75", "▲3", f"{sign}{' ' * 10_000}!"]
    begun = time.process_time()
    RowTemplate.fit(pd.DataFrame({"a": cells * 2}, dtype=str), ["a"])
    assert time.process_time() - begun < 1


def sizes(n_rows=40):
    """Return rows of two products in turn, each with its own size."""
    exact = np.resize([20.0, 25.0], n_rows) + 0.001 * (np.arange(n_rows) // 2 % 9 - 4)
    columns = {"product": [*np.resize(["A", "B"], n_rows)], "length": exact.round(3).astype(str)}
    return pd.DataFrame(columns, dtype=str)


def test_a_size_keeps_the_decimals_that_tell_parts_of_one_product_apart():
    column = RowTemplate.fit(sizes(), ["product", "length"]).columns[1]
    assert (column.factors, column.decimals) == (("product",), 3)
    alone = RowTemplate.fit(sizes(), ["length"]).columns[0]
    assert (alone.factors, alone.decimals) == ((), 1)


def test_factors_are_stored_and_read_back():
    template = RowTemplate.fit(sizes(), ["product", "length"])
    assert template.dependent == {("product",): ["length"]}
    assert RowTemplate.from_json(json.loads(json.dumps(template.to_json()))) == template
    earlier = RowTemplate.fit(sizes(), ["length"]).to_json()
    assert "factors" not in earlier["columns"][0]  # and earlier versions read it


@pytest.mark.parametrize("factors", ["product", ["other"], ["product", "product"], [1], None])
def test_other_factors_than_columns_of_the_template_are_refused(factors):
    stored = RowTemplate.fit(sizes(), ["product", "length"]).to_json()
    stored["columns"][1]["factors"] = factors
    with pytest.raises(ArtifactError, match="fit again"):
        RowTemplate.from_json(stored)


def test_what_rows_say_in_factors_is_read_from_their_texts():
    template = RowTemplate.fit(sizes(), ["product", "length"])
    texts = ["product: a ; length: 20", "product: missing; length: 1", "no row"]
    assert template.read(texts).factor_levels == [[("a",), ("",), ()]]
    alone = RowTemplate.fit(sizes(), ["length"])
    assert alone.read(["length: 20.0"]).factor_levels == [[()]]


@pytest.mark.parametrize(("n_others", "factors"), [(3, ("product",)), (30, ())])
def test_among_many_columns_of_few_numbers_none_names_anything(n_others, factors):
    frame = sizes().assign(product=np.resize(["1", "2"], 40))
    pixels = {f"pixel {i}": np.resize([*"0123"], 40) for i in range(n_others)}
    frame = frame.assign(**pixels)
    template = RowTemplate.fit(frame, list(frame.columns))
    assert template.columns[1].factors == factors


def test_a_factor_of_words_is_found_beside_many_columns_of_few_numbers():
    frame = sizes().assign(**{f"pixel {i}": np.resize([*"0123"], 40) for i in range(30)})
    template = RowTemplate.fit(frame, list(frame.columns))
    assert template.dependent == {("product",): ["length"]}


def drilled(written="{}"):
    """Return holes of five drills, each with its own force."""
    drill = np.resize([1.2, 1.4, 10.0, 20.0, 30.0], 200)
    force = np.resize([900.0, 200.0, 700.0, 300.0, 500.0], 200) + np.arange(200) % 7
    columns = {"drill": [written.format(own) for own in drill], "force": force.astype(str)}
    return pd.DataFrame(columns, dtype=str)


def test_rows_keep_so_many_decimals_of_a_factor_that_they_tell_its_numbers_apart():
    template = RowTemplate.fit(drilled(), ["drill", "force"])
    assert template.dependent == {("drill",): ["force"]}
    levels = template.read(template.texts(drilled())).factor_levels[1]
    assert levels[:5] == [("1.2",), ("1.4",), ("10.0",), ("20.0",), ("30.0",)]
    shuffled = drilled().assign(force=np.random.default_rng(0).permutation(drilled()["force"]))
    control = RowTemplate.fit(shuffled, ["drill", "force"])
    assert (control.dependent, control.columns[0].decimals) == ({}, 0)


def test_a_number_is_the_same_factor_whatever_way_it_is_written_in():
    frame = drilled()
    for i, way in enumerate(["{}", "{}0", "{}00", "{}０", "{}000"]):  # eight rows of each
        frame.loc[i * 40 :, "drill"] = drilled(way).loc[i * 40 :, "drill"]
    template = RowTemplate.fit(frame, ["drill", "force"])
    assert template.dependent == {("drill",): ["force"]}
    assert len({*template.read(template.texts(frame)).factor_levels[1]}) == 5


def test_what_rows_say_in_a_factor_is_read_once_for_all_columns_that_depend_on_it(monkeypatch):
    frame = drilled().assign(time=drilled()["force"], torque=drilled()["force"])
    template = RowTemplate.fit(frame, list(frame.columns))
    texts, n_read = template.texts(frame), []
    read = "polar_detect.tables.rows.template_column.level_of"
    monkeypatch.setattr(read, lambda cell, _: n_read.append(cell) or cell)
    levels = template.read(texts).factor_levels
    assert levels[1] == levels[2] == levels[3] != levels[0]
    assert len(n_read) == len(texts)


def test_of_columns_that_tell_as_much_the_same_one_is_chosen_in_any_order_of_the_table():
    rng = np.random.default_rng(0)
    product = rng.choice(3, 150)
    frame = pd.DataFrame(
        {
            "product": np.asarray(["PA", "PB", "PC"])[product],
            "alloy": np.asarray(["A1", "A2", "A3"])[product],
            "size": (np.asarray([20, 25, 32])[product] + rng.normal(0, 0.1, 150)).round(2),
            "remark": np.where(product == 2, "check", ""),
            "grade": rng.choice(["1st", "2nd"], 150),
        }
    ).astype(str)
    columns = {}
    for order in (list(frame), list(frame)[::-1]):
        template = RowTemplate.fit(frame[order], order)
        columns[order[0]] = sorted(template.columns, key=lambda column: column.name)
    assert columns["product"] == columns["grade"]
    assert template.dependent == {("alloy",): ["size"]}
    assert template.categories["remark"].factors == ("alloy",)
