import pandas as pd
import pytest

from polar_detect.signature.columns.new_cells import KnownValues, NewCell, NewColumns
from polar_detect.tables import RowTemplate
from polar_detect.tables.rows.template_column import TemplateColumn


def known_in(**columns):
    rows = pd.DataFrame(columns, dtype=str)
    template = RowTemplate.fit(rows, list(rows.columns))
    return KnownValues.of(template, template.texts(rows)), template


@pytest.mark.parametrize(
    ("said", "is_category"),
    [
        (["a", "b"] * 5, True),
        (["a", "b", *"aaaaaaaa"], True),
        ([*"abc", *"abababa"], True),
        ([*"abcd", *"ababab"], False),  # four things in ten rows
        ([*"abcdefghij"], False),
        ([*"abc"] * 2 + ["a", "b", "", ""], False),  # of eight rows
        ([""] * 10, False),
        (["1", "2"] * 5, False),  # numbers count as such
    ],
)
def test_a_category_says_each_thing_in_three_rows_on_average(said, is_category):
    known, _ = known_in(kind=said, flow=["1.5"] * 10)
    assert bool(known.by_place) == is_category


def test_a_category_that_fit_has_told_of_is_one_among_the_normal_rows_too():
    machines = [f"M{i % 14}" for i in range(40)] + ["M0", "M14"] * 5  # the last ten are anomalous
    rows = pd.DataFrame({"machine": machines, "kind": ["a", "b"] * 25})
    template = RowTemplate.fit(rows, [*rows.columns])
    assert [*template.categories] == ["machine", "kind"]
    known = KnownValues.of(template, template.texts(rows)[:40])
    asked = template.texts(pd.DataFrame({"machine": ["m8", "CNC-9", "M14", ""], "kind": "a"}))
    assert known.new_cells(asked) == [
        (),
        (NewCell("machine", "CNC-9"),),
        (NewCell("machine", "M14"),),
        (NewCell("machine", ""),),
    ]


def test_dates_are_no_category_however_many_rows_have_them():
    days = [f"2024-05-0{i}" for i in (1, 2, 3, 4)] * 5
    known, _ = known_in(day=days, shift=[day[-1] + " shift" for day in days])
    assert [*known.by_place] == [1]


def test_only_what_no_normal_row_says_in_a_category_is_new():
    known, template = known_in(machine=["M1", "M2"] * 5, note=[*"abcdefghij"], shift=["day"] * 10)
    new = pd.DataFrame(
        [
            ["Ｍ２", "k", "Day "],
            ["M3", "k", "day"],
            ["M1", "a", "night"],
            ["M9", "a", "dusk"],
            ["", "-", "day"],
            ["-", "a", "day"],
        ],
        columns=["machine", "note", "shift"],
    )
    found = known.new_cells([*template.texts(new), "machine: M3", ""])
    assert found == [
        (),  # width, case and blanks are of no matter
        (NewCell("machine", "M3"),),
        (NewCell("shift", "night"),),
        (NewCell("machine", "M9"), NewCell("shift", "dusk")),
        (NewCell("machine", ""),),  # no normal row is empty there
        (NewCell("machine", "-"),),
        (),
        (),
    ]


@pytest.mark.parametrize("said", ["PC−300", "PCー300", "ＰＣ‐３００", "ﾎﾞﾙﾄ 10~20", "ボルト 10〜20"])
def test_another_kind_of_dash_makes_nothing_new(said):
    known, template = known_in(product=["PC-300", "ボルト 10～20"] * 5)
    new = pd.DataFrame({"product": [said, "PC300"]})
    assert known.new_cells(template.texts(new)) == [(), (NewCell("product", "PC300"),)]


def test_an_empty_cell_is_as_usual_where_normal_rows_have_one():
    known, template = known_in(machine=["M1", "M2"] * 10 + [""], shift=["day"] * 21)
    new = pd.DataFrame({"machine": ["", "-", "M1"], "shift": ["day", "day", ""]})
    assert known.new_cells(template.texts(new)) == [(), (), (NewCell("shift", ""),)]


def test_a_number_that_is_a_name_is_new_as_words_are_and_a_measured_one_is_not():
    alloys, steps = [4140, 4340, 52100] * 20, range(60)
    temper = {4140: 540, 4340: 425, 52100: 180}
    known, template = known_in(
        alloy=[*map(str, alloys)],
        temper=[f"{temper[alloy] + i * 7 % 5:.1f}" for i, alloy in zip(steps, alloys, strict=True)],
    )
    assert template.columns[1].factors == ("alloy",)
    rows = [["4140", "541.0"], ["8620", "541.0"], ["D2", "541.0"], ["", "541.0"], ["4140", "999"]]
    new = pd.DataFrame(rows, columns=["alloy", "temper"])
    assert known.new_cells(template.texts(new)) == [
        (),
        (NewCell("alloy", "8620"),),
        (NewCell("alloy", "D2"),),
        (),  # which is said of numbers otherwise
        (),
    ]


def test_what_is_ever_new_is_never_told_as_new():
    for is_ever_new, said in ((True, []), (False, ["lot"])):
        columns = TemplateColumn("lot", None, is_ever_new=is_ever_new), TemplateColumn("T", 1)
        template = RowTemplate(columns)
        known = KnownValues.of(template, [f"lot: L-{i % 2}; T: {i}.0" for i in range(40)])
        (found,) = known.new_cells(["lot: missing; T: 1.0"])
        assert [cell.column for cell in found] == said


@pytest.mark.parametrize(
    ("cells", "counts"),
    [
        (["H1"] * 10 + ["H7"] * 10, {"heat": 10}),
        (["H1"] * 11 + ["H7"] * 9, {}),  # in fewer than half
        (["H7"] * 7, {}),  # few
        (["H7"] * 8, {"heat": 8}),
        ([""] * 20, {}),  # which is another matter
        (["H7"] * 10 + [None] * 10, {"heat": 10}),
    ],
)
def test_a_column_is_mostly_new_where_half_of_eight_rows_or_more_say_what_none_did(cells, counts):
    known, template = known_in(heat=["H1", "H2"] * 10, machine=["M1", "M2"] * 10)
    rows = template.texts(pd.DataFrame({"heat": cells, "machine": "M1"}))
    new = NewColumns(known)
    for start in range(0, len(rows), 3):
        some = [*rows[start : start + 3], " "]
        new.add(some, [set()] * len(some))  # an empty row is none
    assert new.mostly == counts


def test_without_known_rows_no_column_is_new():
    new = NewColumns(None)
    new.add(["heat: H7"] * 10, [set()] * 10)
    assert new.mostly == {}
