"""What seems to have gone wrong in rows: slips in numbers, and cells in the wrong column."""

import json

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector, Report, screen
from polar_detect.artifact.reading import stored_origin
from polar_detect.assessment import Assessment
from polar_detect.errors import TrainingWarning
from polar_detect.messages.language import Language
from polar_detect.report.content.row_phrases import mistakes_told
from polar_detect.scoring.results import from_arrow, to_arrow
from polar_detect.serve.answers import Answers
from polar_detect.signature.columns.mistake import Mistake
from polar_detect.signature.columns.slips import corrected
from polar_detect.tables.cells.conversions import conversions_to
from polar_detect.tables.columns.results import result_columns
from polar_detect.tables.rows.template import RowTemplate


def shafts(n=200, *, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.normal(20, 0.5, n)
    return pd.DataFrame(
        {
            "size [mm]": size.round(2),
            "weight [g]": (3 * size + rng.normal(0, 0.3, n)).round(1),
            "cold [C]": rng.normal(-18, 0.6, n).round(1),
            "share [%]": rng.uniform(0, 100, n).round(1),
        }
    )


@pytest.fixture(scope="module")
def detector():
    return PolarDetector("columns").fit(shafts())


def said_of(detector, column, change):
    rows = shafts(3, seed=1)
    rows.loc[1, column] = change(rows.loc[1, column])
    return detector.assess(rows)


def meant(numbers, by_itself, expected=None):
    numbers, by_itself = np.asarray(numbers, float), np.asarray(by_itself, float)
    ranges = by_itself, by_itself if expected is None else np.asarray(expected, float)
    return {i: number for i, _, number in corrected(numbers, *ranges)}


@pytest.mark.parametrize(
    ("number", "was"),
    [(428, 42.8), (4.28, 42.8), (4280, 42.8), (0.0428, 42.8), (-43, 43), (46, None), (470, None)],
)
def test_a_number_that_fits_with_the_point_elsewhere_is_a_slip(number, was):
    assert meant([number], [[41, 44]]) == ({0: was} if was else {})


def test_what_is_meant_has_to_be_usual_by_itself_too():
    assert meant([420, 430], [[41, 44], [10, 11]], [[41, 44], [41, 44]]) == {0: 42}


def test_where_no_others_lead_to_expect_anything_a_number_is_judged_by_itself():
    assert meant([420], [[41, 44]], [[np.nan, np.nan]]) == {0: 42}


def test_what_is_meant_has_all_digits_that_were_typed(detector):
    size = shafts(3, seed=1).loc[1, "size [mm]"]
    found = said_of(detector, "size [mm]", lambda own: own / 100)
    assert found.meant[1] == {"size [mm]": size}


def test_where_most_numbers_would_fit_nothing_is_told():
    assert meant([400, 40, 420], [[10, 90], [-5, 5], [30, 50]]) == {}


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("size [mm]", lambda own: own * 10),
        ("weight [g]", lambda own: own / 10),
        ("cold [C]", lambda own: -own),
    ],
)
def test_the_number_that_was_meant_is_named(detector, column, change):
    assessment = said_of(detector, column, change)
    assert [[*own] for own in assessment.meant] == [[], [column], []]
    assert assessment.meant[1][column] == pytest.approx(shafts(3, seed=1).loc[1, column], abs=0.6)
    number = f"{assessment.meant[1][column]:g}"
    assert f"“{column}”, where {number} would be usual" in assessment.reasons()[1]
    assert f"（{number}なら通常の値）" in assessment.reasons("ja")[1]


@pytest.mark.parametrize(
    ("column", "number"),
    [("size [mm]", 33.0), ("share [%]", 2000.0), ("size [mm]", 21.9), ("size [mm]", 190.0)],
)
def test_other_numbers_are_only_strange(detector, column, number):
    assessment = said_of(detector, column, lambda _: number)
    assert assessment.meant == ({}, {}, {})
    assert "would be usual" not in "".join(assessment.reasons())


def test_what_the_other_columns_lead_to_expect_decides(detector):
    rows = shafts(1, seed=1)
    rows["size [mm]"], rows["weight [g]"] = 192.0, 63.0  # 19.2 is usual, but for the weight
    assert detector.assess(rows).meant == ({},)


def test_a_column_alone_is_judged_by_itself():
    rows = shafts()[["size [mm]"]].assign(part="shaft")
    new = pd.DataFrame({"size [mm]": [203.0, 20.3], "part": "shaft"})
    found = PolarDetector("columns").fit(rows).assess(new)
    assert found.meant == ({"size [mm]": 20.3}, {})


def heaters(n=200, *, seed=0):
    rng = np.random.default_rng(seed)
    outside = rng.normal(25, 6, n).round(1)
    return pd.DataFrame(
        {"outside": outside, "power": (100 + 2 * outside).round(1) + rng.choice([-0.1, 0.1], n)}
    )


def test_conditions_tell_which_number_is_usual():
    detector = PolarDetector("columns", condition_columns=["outside"]).fit(heaters())
    rows = pd.DataFrame({"outside": [10.0, 40.0, 40.0], "power": [12.0, 18.0, 12.0]})
    assert detector.assess(rows).meant == ({"power": 120.0}, {"power": 180.0}, {})


def test_rows_are_chosen_and_put_together_with_what_was_meant(detector):
    own = said_of(detector, "size [mm]", lambda own: own * 10)
    assert own.rows([1]).meant == own.meant[1:2]
    assert Assessment.below([own, own]).meant == own.meant * 2


def test_screenings_say_so():
    rows = shafts()
    rows.loc[7, "size [mm]"] *= 10
    assert f"where {shafts().loc[7, 'size [mm]']:g} would" in screen(rows).to_frame()["reasons"][7]


def test_reports_count_slips_of_a_column_together_and_name_each(detector, tmp_path):
    rows = shafts(30, seed=1)
    rows.loc[[3, 9], "size [mm]"] *= 10
    report = Report.of(detector, rows)
    report.save(tmp_path / "out.json")
    report.save(tmp_path / "out.md")
    found = json.loads((tmp_path / "out.json").read_text())["findings"]
    assert any("high “size [mm]” (2 rows)" in own for own in found)
    for number in shafts(30, seed=1).loc[[3, 9], "size [mm]"]:
        assert f", where {number:g} would be usual" in (tmp_path / "out.md").read_text()


def plates(n=300, *, seed=0):
    """Return rows with words, numbers of different sizes, and one that hardly tells by itself."""
    rng = np.random.default_rng(seed)
    heat = rng.normal(182, 2.5, n)
    return pd.DataFrame(
        {
            "line": rng.choice(["north", "south"], n),
            "heat [°C]": heat.round(1),
            "load [MPa]": rng.normal(4.6, 0.15, n).round(2),
            "width [mm]": rng.normal(12.4, 0.05, n).round(2),
            "depth [mm]": rng.normal(2.02, 0.03, n).round(3),
            "hard [HRC]": (61 - 0.4 * (heat - 182) + rng.normal(0, 1, n)).round(1),
            "shift": rng.choice(["early", "late"], n),
        }
    )


NAMES = [*plates(1).columns]


@pytest.fixture(scope="module")
def plate_detector():
    return PolarDetector("columns").fit(plates())


def with_cells(cells, n=3, place=1):
    """Return later rows as text, one with other cells in their order; None = as it is."""
    rows = plates(n, seed=5).astype(str)
    rows.iloc[place] = [*(cells(rows.iloc[place].tolist()) if callable(cells) else cells)]
    return rows


def swapped(i, j):
    def changed(cells):
        cells[i], cells[j] = cells[j], cells[i]
        return cells

    return changed


def lost(i):
    """Return a change that deletes a cell and moves those behind it to the left."""
    return lambda cells: [*cells[:i], *cells[i + 1 :], ""]


def inserted(i):
    """Return a change that moves a cell and those behind it to the right, and leaves a gap."""
    return lambda cells: [*cells[:i], "", *cells[i:-1]]


@pytest.mark.parametrize(
    ("change", "kind", "columns", "said", "said_ja"),
    [
        (swapped(3, 4), "swapped", NAMES[3:5], "“{}” and “{}” swapped", "「{}」と「{}」の入れ違い"),
        (swapped(0, 6), "swapped", NAMES[0:7:6], "“{}” and “{}” swapped", None),
        (swapped(0, 1), "swapped", NAMES[0:2], "“{}” and “{}” swapped", None),
        (
            lambda own: [*own[:3], own[4], *own[4:]],
            "copied",
            NAMES[3:5],
            "“{}” repeats “{}”",
            "「{}」に「{}」と同じ値",
        ),
        (
            lost(2),
            "left",
            NAMES[2:6],
            "“{}” to “{}” one column too far left",
            "「{}」から「{}」までが左に1列ずれ",
        ),
        (
            inserted(1),
            "right",
            NAMES[2:7],
            "“{}” to “{}” one column too far right",
            "「{}」から「{}」までが右に1列ずれ",
        ),
        (
            lambda own: [*own[:4], "", own[4], *own[6:]],
            "right",
            NAMES[5:6],
            "“{}” one column too far right",
            "「{}」が右に1列ずれ",
        ),
        (
            lambda own: [*own[:4], own[5], "", own[6]],
            "left",
            NAMES[4:5],
            "“{}” one column too far left",
            "「{}」が左に1列ずれ",
        ),
    ],
)
def test_cells_in_the_wrong_column_are_told(plate_detector, change, kind, columns, said, said_ja):
    found = plate_detector.assess(with_cells(change))
    assert [len(own) for own in found.mistakes] == [0, 1, 0]
    (mistake,) = found.mistakes[1]
    assert (mistake.kind, [*mistake.columns]) == (kind, columns)
    ends = columns[0], columns[-1]
    assert found.to_frame()["likely_mistake"].tolist() == ["", said.format(*ends), ""]
    if said_ja is not None:
        assert found.to_frame("ja")["likely_mistake"][1] == said_ja.format(*ends)
    was = plates(3, seed=5).iloc[1]
    for name, number in mistake.meant.items():
        assert number == pytest.approx(was[name], rel=0.01)


def test_what_cells_would_say_in_their_own_column_is_a_reason(plate_detector):
    found = plate_detector.assess(with_cells(swapped(3, 4)))
    width, depth = plates(3, seed=5).loc[1, ["width [mm]", "depth [mm]"]]
    assert f"low “width [mm]”, where {width:g} would be usual" in found.reasons()[1]
    assert f"high “depth [mm]”, where {depth:g} would be usual" in found.reasons()[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda own: [*own[:3], "70.1", "30.2", *own[5:]],  # neither would do in the other's place
        lambda own: [*own[:3], "2.02", *own[4:]],  # the other one is where it belongs
        lambda own: [*own[:4], "4.6", own[5], own[6]],  # which is no other one, to so few digits
        lambda own: [*own[:3], "", "", *own[5:]],
        lambda own: ["east", *own[1:6], "noon"],
        lambda own: [*own[:2], "", "99.9", own[3], "99.9", own[6]],  # what is beside fits nowhere
        lambda own: [*own[:1], "195.0", "4.60", *own[3:5], "73.0", own[6]],
    ],
)
def test_other_strange_cells_are_only_strange(plate_detector, change):
    assert plate_detector.assess(with_cells(change)).mistakes == ((), (), ())


def test_a_usual_number_is_swapped_with_a_strange_one_where_chance_does_not_put_it_there():
    rng = np.random.default_rng(0)
    wide, own = rng.uniform(0, 1000, 300).round(1), rng.normal(20, 0.2, 300).round(2)
    frame = pd.DataFrame({"wide": wide, "narrow": own, "other": rng.normal(0, 1, 300).round(2)})
    detector = PolarDetector("columns").fit(frame)
    new = pd.DataFrame({"wide": [20.1, 500.0], "narrow": [640.5, 640.5], "other": [0.1, 0.1]})
    assert [[m.columns for m in own] for own in detector.assess(new).mistakes] == [
        [("wide", "narrow")],
        [],
    ]
    assert detector.assess(new[:1].assign(other=9.9)).mistakes == ((),)
    twice = frame.assign(broad=rng.uniform(0, 1000, 300).round(1))
    new = pd.DataFrame({"wide": [20.1] * 2, "narrow": [640.5] * 2, "other": [0.1] * 2})
    new["broad"] = [19.9, 700.0]
    found = PolarDetector("columns").fit(twice).assess(new).mistakes
    assert [[m.columns for m in own] for own in found] == [[], [("wide", "narrow")]]
    near = frame.assign(wide=rng.uniform(18, 24, 300).round(1))  # most would do by chance
    new = pd.DataFrame({"wide": [20.1], "narrow": [23.5], "other": [0.1]})
    assert PolarDetector("columns").fit(near).assess(new).mistakes == ((),)


def test_what_a_repeated_number_stands_for_is_not_known():
    rng = np.random.default_rng(0)
    both = rng.normal(0, 1, 300)
    frame = pd.DataFrame(
        {"a": 120 + 3 * both, "b": 45 + 2 * both, "c": 80 + both}
        | {f"of {i}": rng.normal(10 * i, 0.1, 300) for i in range(1, 3)}
    ).round(2)
    new = frame[:9].assign(b=frame["a"][:9])
    found = PolarDetector("columns").fit(frame).assess(new)
    told = [[own.columns for own in row] for row in found.mistakes]
    assert told.count([("b", "a")]) > 5
    assert {*map(len, found.meant)} == {0}
    assert "would be usual" not in "".join(found.reasons())


def test_numbers_of_columns_that_are_alike_may_be_the_same():
    rng = np.random.default_rng(0)
    inner = rng.normal(20, 0.5, 300)
    frame = pd.DataFrame({"inner": inner, "outer": inner + rng.uniform(0.05, 2, 300)}).round(2)
    frame["tilt"] = rng.normal(1, 0.1, 300).round(2)
    detector = PolarDetector("columns").fit(frame)
    new = pd.DataFrame({"inner": [22.61, 1.03], "outer": [22.61, 20.5], "tilt": [1.0, 1.03]})
    assert [[m.kind for m in own] for own in detector.assess(new).mistakes] == [[], ["copied"]]
    frame.loc[7, "outer"] = frame.loc[7, "tilt"]  # as where a width of 1 makes an area a length
    detector = PolarDetector("columns").fit(frame)
    new = new.assign(inner=20.1, outer=1.03)
    assert detector.assess(new).mistakes[1] == ()


def measured(n=300, *, seed=0, **means):
    """Return rows of numbers about some means, with a spread of 1 % of them."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {name: (mean * rng.normal(1, 0.01, n)).round(2) for name, mean in means.items()}
    )


def kinds_of(frame, *rows, detector=None):
    """Return which kinds of mistakes rows hold, each of which says something of its own."""
    detector = detector or PolarDetector("columns").fit(frame)
    usual = frame.median(numeric_only=True).round(2)
    new = pd.DataFrame([{**usual, **row} for row in rows])[[*frame.columns]]
    return [[mistake.kind for mistake in own] for own in detector.assess(new).mistakes]


def test_as_many_normal_rows_as_may_be_anomalous_may_hold_the_same_mistake():
    frame = plates()
    frame.loc[:4, "width [mm]"] = frame.loc[:4, "depth [mm]"]
    new = plates(1, seed=5).assign(**{"width [mm]": 2.023, "depth [mm]": 2.023})
    for contamination, n_told in ((0.0, 0), (0.05, 1)):
        detector = PolarDetector("columns", contamination=contamination).fit(frame)
        found = detector.assess(new).mistakes
        assert [own.kind for own in found[0]] == ["copied"] * n_told


def test_a_number_repeats_another_one_to_three_digits_and_that_is_usual():
    frame = measured(a=20, b=50, c=3, d=80)
    rows = {"a": 20.0, "b": 20.0}, {"a": 20.05, "b": 20.05}, {"c": 50.01}, {"c": 93.2, "d": 93.2}
    assert kinds_of(frame, *rows) == [[], ["copied"], [], []]


def test_numbers_that_normal_rows_have_just_so_are_no_mistakes():
    frame = measured(width=210, height=297, thick=5)
    turned = {"width": 297.2, "height": 210.3}
    small, usual = {"thick": 0.5}, {"width": 210.0}
    assert kinds_of(frame, turned, small, usual) == [["swapped"], [], []]
    small = {"thick": 0.51}
    assert kinds_of(frame, turned, small) == [["swapped"], ["times"]]
    once = frame.copy()
    once.loc[0, ["width", "height"]] = [297.0, 210.0]  # which may be a mistake itself
    assert kinds_of(once, turned) == [["swapped"]]
    frame.loc[:2, ["width", "height"]] = [[297.0, 210.0], [296.0, 211.0], [298.5, 209.0]]
    frame.loc[3:5, "thick"] = [0.51, 0.53, 0.5]
    assert kinds_of(frame, turned, small) == [[], []]
    contaminated = PolarDetector("columns", contamination=0.02).fit(frame)
    assert kinds_of(frame, turned, small, detector=contaminated) == [["swapped"], ["times"]]


def test_normal_rows_are_alike_as_widely_as_cells_spread_where_they_belong():
    rng = np.random.default_rng(0)

    def sheets(n):
        on_side = rng.random(n) < 0.03
        length, width = rng.normal(500, 5, n).round(1), rng.normal(50, 0.2, n).round(1)
        return pd.DataFrame(
            {
                "Length [mm]": np.where(on_side, width, length),
                "Width [mm]": np.where(on_side, length, width),
                "Height [mm]": rng.normal(20, 0.2, n).round(1),
            }
        ), on_side

    normal, on_side = sheets(300)
    assert on_side.sum() > 3
    detector = PolarDetector("columns").fit(normal)
    new, on_side = sheets(300)
    assert on_side.sum() > 3
    assert not any(detector.assess(new).mistakes)
    detector.fit(normal[normal["Length [mm]"] > 300])
    found = detector.assess(new).mistakes
    assert [bool(own) for own in found] == on_side.tolist()


def test_no_number_with_a_fraction_belongs_among_whole_ones():
    rng = np.random.default_rng(0)
    pieces, width = rng.normal(200, 5, 300).round(), rng.normal(50, 0.5, 300).round(1)
    detector = PolarDetector("columns").fit(pd.DataFrame({"Pieces": pieces, "Width": width}))
    swapped = pd.DataFrame({"Pieces": [50.2, 50.2], "Width": [203.0, 203.4]})
    assert [len(own) for own in detector.assess(swapped).mistakes] == [1, 0]


def test_numbers_of_a_wide_column_are_no_others_just_so():
    rng = np.random.default_rng(0)
    wide = rng.uniform(50, 300, 300)
    frame = pd.DataFrame({"load": wide.round(1), "strain": (2 * wide + rng.normal(0, 1, 300))})
    frame = frame.assign(tilt=rng.normal(1, 0.1, 300)).round(2)
    assert kinds_of(frame, {"load": -110.5, "strain": 221.0}) == [["sign"]]


def test_round_numbers_and_nines_stand_for_themselves():
    frame = measured(a=10, b=100, c=55)
    rows = {"a": 100.0}, {"a": 101.0}, {"b": 999.0}, {"b": 990.0}, {"c": 550.0}, {"c": -55.0}
    assert kinds_of(frame, *rows) == [[], ["times"], [], ["times"], ["times"], ["sign"]]


def test_a_number_that_is_usual_for_another_product_is_no_slip():
    rng = np.random.default_rng(0)
    product = rng.choice(["small", "large"], 300)
    size = np.where(product == "small", 2, 20) * rng.normal(1, 0.01, 300)
    frame = pd.DataFrame({"product": product, "size": size.round(3)}).assign(
        room=rng.normal(20, 0.1, 300).round(2)
    )
    new = pd.DataFrame({"product": ["small"] * 2, "size": [20.1, 201.0], "room": 20.0})
    found = PolarDetector("columns").fit(frame).assess(new).mistakes
    assert [[own.times for own in row] for row in found] == [[], [100.0]]


def test_columns_of_few_different_numbers_have_no_slips():
    frame = measured(a=20, b=50).assign(month=[11, 12] * 150)
    detector = PolarDetector("columns").fit(frame)
    new = pd.DataFrame({"a": [20.0] * 2, "b": [50.0, 501.0], "month": [120, 12]})
    assert [len(own) for own in detector.assess(new).mistakes] == [0, 1]


def test_two_strange_cells_have_to_be_usual_in_both_places():
    frame = measured(a=20, b=50, c=300)
    assert kinds_of(frame, {"a": 50.2, "b": 1.7}, {"a": 1.7, "b": 20.1}) == [[], []]


def test_words_have_to_be_known_in_both_places(plate_detector):
    for cells in (("early", "middle"), ("east", "north")):
        own = with_cells(lambda was, cells=cells: [cells[0], *was[1:6], cells[1]])
        assert plate_detector.assess(own).mistakes == ((), (), ())


def test_columns_of_like_numbers_are_not_swapped():
    rng = np.random.default_rng(0)
    tails = rng.standard_t(2, (2000, 6)) + 20 + np.arange(6)
    frame = pd.DataFrame(tails.round(2)).add_prefix("c")
    detector = PolarDetector("columns").fit(frame[:500])
    assert sum(map(len, detector.assess(frame[500:]).mistakes)) <= 5


def test_columns_of_the_same_words_are_not_swapped():
    rng = np.random.default_rng(0)
    names = [f"name {i}" for i in range(30)]
    share = 0.8 ** np.arange(30)
    frame = measured(200, a=20, b=50)
    for column in ("made by", "checked by"):
        frame[column] = rng.choice(names, 200, p=share / share.sum())
    detector = PolarDetector("columns").fit(frame)
    known = {column: {*frame[column]} for column in ("made by", "checked by")}
    first, second = (
        sorted(known["made by"] - known["checked by"]),
        sorted(known["checked by"] - known["made by"]),
    )
    new = frame[:1].assign(**{"made by": second[0], "checked by": first[0]})
    assert detector.assess(new).mistakes == ((),)


def test_cells_that_are_one_column_off_stand_beside_an_empty_one():
    frame = measured(a=20, b=50, c=300, d=7)
    none = np.nan
    rows = (
        {"a": 50.0, "b": 300.0, "c": none},
        {"a": 50.0, "b": 300.0, "c": 7.0, "d": 1.0},
        {"b": none, "c": 50.0},
        {"a": none, "b": 20.0, "c": 50.0},
        {"b": none, "c": 51.0, "d": 400.0},
        {"a": 77.7, "b": 300.0, "c": none},
    )
    assert kinds_of(frame, *rows) == [["left"], [], ["right"], ["right"], [], []]


def test_a_single_strange_cell_beside_a_missing_one_may_be_anything():
    frame = measured(a=20, b=50)
    frame["c"] = np.random.default_rng(1).normal(50, 5, 300).round(2)
    assert kinds_of(frame, {"b": 54.0, "c": np.nan}, {"a": 50.1, "b": np.nan}) == [[], ["left"]]


def test_columns_like_one_another_do_not_hide_how_few_cells_are_strange():
    frame = pd.DataFrame(np.random.default_rng(0).normal(100, 0.5, (300, 20)).round(2))
    frame = frame.add_prefix("c")
    rows = {"c2": 101.9, "c15": np.nan}, {"c2": 98.1, "c15": np.nan}
    assert kinds_of(frame, *rows, {"c2": 101.9, "c3": 98.1, "c15": np.nan}) == [[], [], []]


def test_cells_move_through_columns_that_are_not_asked_anything():
    rng = np.random.default_rng(0)
    frame = measured(a=20, b=50)
    frame.insert(1, "lot", [f"L{i:05d}" for i in range(300)])
    frame["note"] = [f"remark {i} {rng.integers(1e6)}" for i in range(300)]
    with pytest.warns(TrainingWarning):
        detector = PolarDetector("columns").fit(frame)
    new = frame[:2].astype(str).reset_index(drop=True)
    new.iloc[0] = ["L7", "50.2", "remark 12", ""]
    new.iloc[1] = ["20.1", "", "L7", "50.2"]
    left, right = detector.assess(new).mistakes
    assert [(own.kind, own.columns) for own in left] == [("left", ("a", "lot", "b"))]
    assert [(own.kind, own.columns) for own in right] == [("right", ("b", "note"))]


def test_what_may_say_anything_in_both_columns_is_no_sign():
    frame = measured(a=50, b=20)
    frame["lot"] = [f"L{i:05d}" for i in range(300)]
    frame["note"] = [f"remark {i} {7 * i % 100}" for i in range(300)]
    with pytest.warns(TrainingWarning):
        detector = PolarDetector("columns").fit(frame)
    new = frame[:2].assign(b=77.7, note="").reset_index(drop=True)
    new.loc[1, ["b", "lot"]] = [np.nan, "20.1"]
    assert [[own.kind for own in found] for found in detector.assess(new).mistakes] == [[], []]


def test_cells_that_may_say_anything_tell_nothing_by_themselves():
    frame = measured(a=20, b=50)
    frame.insert(0, "lot", [f"{4000 + i}" for i in range(300)])
    frame.insert(2, "note", [f"remark {i} {7 * i % 100}" for i in range(300)])
    with pytest.warns(TrainingWarning):
        detector = PolarDetector("columns").fit(frame)
    new = frame[:2].astype(str).reset_index(drop=True)
    new.iloc[0] = ["20.1", "", "remark", "50.1"]  # as a lot it is as good as any
    new.iloc[1] = ["4301", "77.7", "remark", ""]
    assert [[own.kind for own in found] for found in detector.assess(new).mistakes] == [[], []]


def test_names_of_two_columns_are_swapped():
    rng = np.random.default_rng(0)
    frame = measured(a=20, b=50).assign(
        program=rng.choice(["40012345", "40023456", "40034567"], 300),
        recipe=rng.choice(["40015555", "40028888", "40031111"], 300),
    )
    new = frame[:1].assign(program="40028888", recipe="40012345")
    found = PolarDetector("columns").fit(frame).assess(new).mistakes
    assert [own.columns for own in found[0]] == [("program", "recipe")]


def test_names_and_codes_are_known_or_not():
    rng = np.random.default_rng(0)
    program = rng.choice(["40012345", "40023456", "40034567"], 300)
    result = np.where(rng.random(300) < 0.3, "ERR", rng.normal(5, 0.2, 300).round(2).astype(str))
    frame = measured(a=20, b=50).astype(str).assign(program=program, result=result)
    frame["machine"] = rng.choice(["M1", "M2"], 300)
    detector = PolarDetector("columns").fit(frame)
    new = frame[:4].reset_index(drop=True)
    new.loc[0, ["a", "program"]] = new.loc[0, ["program", "a"]].to_numpy()
    new.loc[1, ["machine", "result"]] = ["ERR", "M1"]
    new.loc[2, ["program", "a"]] = ["40099999", "77.7"]
    new.loc[3, "result"] = "ERR"
    found = [[mistake.kind for mistake in own] for own in detector.assess(new).mistakes]
    assert found == [["swapped"], ["swapped"], [], []]


def test_which_of_several_cells_is_swapped_is_not_guessed():
    rng = np.random.default_rng(0)
    twice = {f"at {i}": rng.normal(50, 0.5, 300).round(2) for i in range(2)}
    frame = pd.DataFrame({"narrow": rng.normal(20, 0.2, 300).round(2), **twice})
    detector = PolarDetector("columns").fit(frame)
    new = pd.DataFrame({"narrow": [50.1, 50.1], "at 0": [20.0, 20.0], "at 1": [50.2, 20.1]})
    found = detector.assess(new).mistakes
    assert [[m.columns for m in own] for own in found] == [[("narrow", "at 0")], []]


def test_moved_cells_have_to_be_usual_beside_each_other():
    rng = np.random.default_rng(0)
    size = rng.normal(20, 2, 300)
    frame = pd.DataFrame(
        {
            "size": size.round(1),
            "weight": (5 * size + rng.normal(0, 0.5, 300)).round(1),
            "tilt": rng.normal(1, 0.1, 300).round(2),
        }
    )
    detector = PolarDetector("columns").fit(frame)
    new = pd.DataFrame({"size": [95.0, 95.0], "weight": [19.0, 23.0], "tilt": [1.0, 1.0]})
    assert [len(own) for own in detector.assess(new).mistakes] == [1, 0]


def test_cells_that_are_often_empty_are_not_missed():
    frame = plates()
    frame.loc[::4, "load [MPa]"] = np.nan
    detector = PolarDetector("columns").fit(frame)
    rows = with_cells(lambda own: [*own[:2], "", own[4], own[3], *own[5:]])
    assert [[m.kind for m in own] for own in detector.assess(rows).mistakes] == [
        [],
        ["swapped"],
        [],
    ]


def test_rows_of_many_columns_may_have_another_strange_cell():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{i}": rng.normal(10 * i, 0.2, 200).round(2) for i in range(40)})
    detector = PolarDetector("columns").fit(frame[:150])
    new = frame[150:153].reset_index(drop=True)
    new.loc[0, ["c3", "c9"]] = new.loc[0, ["c9", "c3"]].to_numpy()
    new.loc[0, ["c20", "c21"]] += 1.5  # strange by themselves
    assert [len(own) for own in detector.assess(new).mistakes] == [1, 0, 0]
    new.loc[0, ["c22", "c23"]] += 1.5
    assert [len(own) for own in detector.assess(new).mistakes] == [0, 0, 0]


@pytest.mark.parametrize(
    ("column", "change", "unit"),
    [
        ("heat [°C]", lambda own: own * 1.8 + 32, "°F"),
        ("heat [°C]", lambda own: own + 273.15, "K"),
        ("load [MPa]", lambda own: own / 0.00689476, "psi"),
        ("width [mm]", lambda own: own / 25.4, "inch"),
    ],
)
def test_numbers_in_another_unit_are_told(plate_detector, column, change, unit):
    rows = plates(3, seed=5)
    was = rows.loc[1, column]
    rows.loc[1, column] = round(change(was), 3)
    found = plate_detector.assess(rows)
    assert found.to_frame()["likely_mistake"].tolist() == ["", f"“{column}” taken in {unit}", ""]
    assert found.to_frame("ja")["likely_mistake"][1] == f"「{column}」が{unit}での値"
    (mistake,) = found.mistakes[1]
    assert mistake.meant[column] == pytest.approx(was, abs=0.011)
    assert len(f"{mistake.meant[column]:g}") <= 5


def test_the_unit_may_stand_behind_the_numbers():
    frame = plates().assign(**{"heat [°C]": plates()["heat [°C]"].astype(str) + " °C"})
    frame = frame.rename(columns={"heat [°C]": "heat"})
    new = frame[:1].assign(heat="360.1 °C")
    (found,) = PolarDetector("columns").fit(frame).assess(new).to_frame()["likely_mistake"]
    assert found == "“heat” taken in °F"


def test_a_point_that_makes_one_unit_of_another_names_it(plate_detector):
    rows = plates(2, seed=5)
    rows["load [MPa]"] *= [10, 0.1]
    found = plate_detector.assess(rows)
    assert found.to_frame()["likely_mistake"].tolist() == [
        "“load [MPa]” 10 times too large, as in bar",
        "“load [MPa]” 10 times too small",
    ]
    assert found.to_frame("ja")["likely_mistake"][0] == "「load [MPa]」が本来の10倍（barでの値か）"


def test_a_column_without_a_unit_was_taken_in_no_other():
    frame = plates().rename(columns={"heat [°C]": "heat"})
    rows = plates(3, seed=5).rename(columns={"heat [°C]": "heat"})
    rows.loc[1, "heat"] = 360.0
    assert PolarDetector("columns").fit(frame).assess(rows).mistakes == ((), (), ())


@pytest.mark.parametrize(
    ("unit", "others"),
    [
        ("℃", {"K": (1, -273.15), "°F": (5 / 9, -160 / 9)}),
        ("°F", {"°C": (1.8, 32), "K": (1.8, -459.67)}),
        ("K", {"°C": (1, 273.15)}),
        ("rpm", {"Hz": (60, 0)}),
        ("秒", {"min": (60, 0), "h": (3600, 0)}),
        ("ft-lb", {"N·m": (0.737562, 0)}),
        ("G", {}),
        ("T", {}),
        ("min-1", {"Hz": (60, 0)}),
        ("min⁻¹", {"Hz": (60, 0)}),
        ("s−1", {"rpm": (1 / 60, 0)}),
        ("ｋｇｆ/cm²", {"MPa": (10.1972, 0)}),
        ("N・m", {"kgf·m": (9.80665, 0), "lbf·ft": (1.35582, 0)}),
        ("Nm", {"kgf·cm": (0.0980665, 0)}),
        ("mm/sec", {"m/min": (16.6667, 0)}),
        ("L/min", {"m3/h": (16.6667, 0)}),
        ("bar", {"psi": (0.0689476, 0)}),
        ("%", {}),
        ("個", {}),
        ("NM", {}),
    ],
)
def test_units_of_a_quantity_know_each_other(unit, others):
    found = {own.unit: (own.times, own.plus) for own in conversions_to(unit)}
    for other, numbers in others.items():
        assert found[other] == pytest.approx(numbers, rel=1e-4)
    assert all(abs(times - 1) > 0.2 or plus for times, plus in found.values())
    assert bool(found) == bool(others)


def test_what_seems_wrong_is_said_in_few_words():
    times = [Mistake("times", ("a",), times=t) for t in (10.0, 1 / 0.001, 0.1, 0.01)]
    said = [mistakes_told([own], Language()) for own in times]
    assert said == [
        "“a” 10 times too large",
        "“a” 1,000 times too large",
        "“a” 10 times too small",
        "“a” 100 times too small",
    ]
    both = [Mistake("sign", ("a",)), Mistake("times", ("b",), times=10)]
    assert mistakes_told(both, Language()) == "“a” with the wrong sign; “b” 10 times too large"
    assert mistakes_told(both, Language("ja")) == "「a」の符号が逆；「b」が本来の10倍"
    assert mistakes_told([], Language()) == ""


def exchanged(rows):
    return rows.assign(**{"width [mm]": rows["depth [mm]"], "depth [mm]": rows["width [mm]"]})


def in_fahrenheit(rows):
    return rows.assign(**{"heat [°C]": (rows["heat [°C]"] * 1.8 + 32).round(1)})


def mistaken(n=40):
    """Return later rows, of which the first ten have two cells swapped, and one is in °F."""
    rows = plates(n, seed=7)
    rows[:10] = exchanged(rows[:10])
    rows.loc[20, "heat [°C]"] = 360.0
    return rows.assign(inspector=["B"] * 10 + ["A"] * (n - 10))


def test_score_and_report_count_mistakes_and_name_the_group(run, plate_detector, tmp_path):
    plate_detector.save(tmp_path / "d")
    mistaken().to_csv(tmp_path / "new.csv", index=False)
    where = ("--detector", tmp_path / "d")
    *_, err = run("score", tmp_path / "new.csv", *where, "--out", tmp_path / "out.csv")
    assert (
        "11 of 40 rows seem to hold a mistake, with values that would be usual without it: "
        "“width [mm]” and “depth [mm]” swapped (10 rows); “heat [°C]” taken in °F (1 row); "
        "column likely_mistake says which."
    ) in err
    frame = pd.read_csv(tmp_path / "out.csv")
    assert frame.index[frame["likely_mistake"].notna()].tolist() == [*range(10), 20]
    assert "likely_mistake" in result_columns(frame.columns)
    *_, err = run("report", tmp_path / "new.csv", *where, "--out", tmp_path / "out.json")
    findings = json.loads((tmp_path / "out.json").read_text())["findings"]
    counted = "swapped (10 rows, first line 2); “heat [°C]” taken in °F (line 22)."
    group = "to hold mistakes concentrate where “inspector” is “B”: 10 of 10 there, 1 of all other"
    for text in (err, " ".join(findings)):
        assert counted in text
        assert group in text
    run("report", tmp_path / "new.csv", *where, "--out", tmp_path / "out.md", "--lang", "ja")
    page = (tmp_path / "out.md").read_text()
    assert "入力の誤りの可能性：「width \\[mm\\]」と「depth \\[mm\\]」の入れ違い。" in page


@pytest.mark.parametrize(
    ("change", "are_mistaken", "are_new"),
    [
        (exchanged, True, False),
        (lambda rows: rows.assign(line=rows["shift"], shift=rows["line"]), True, False),
        # By chance a new state may be so, too.
        (in_fahrenheit, True, True),
        (lambda rows: rows.assign(**{"heat [°C]": rows["heat [°C]"] + 91.3}), False, True),
    ],
)
def test_columns_in_which_cells_are_misplaced_say_nothing_new(
    run, plate_detector, tmp_path, change, are_mistaken, are_new
):
    plate_detector.save(tmp_path / "d")
    change(plates(40, seed=7)).to_csv(tmp_path / "new.csv", index=False)
    for command, out in (("score", "out.csv"), ("report", "out.md")):
        where = ("--detector", tmp_path / "d", "--out", tmp_path / out)
        *_, err = run(command, tmp_path / "new.csv", *where)
        assert ("Most rows lie where no normal row does" in err) == are_new
        assert "what no normal one says there" not in err
        assert ("40 of 40 rows seem to hold a mistake" in err) == are_mistaken


def test_drift_in_other_columns_is_told_all_the_same(run, plate_detector, tmp_path):
    plate_detector.save(tmp_path / "d")
    rows = plates(40, seed=7)
    rows["heat [°C]"] = (rows["heat [°C]"] * 1.8 + 32).round(1)
    rows["width [mm]"] += 1.7
    rows.to_csv(tmp_path / "new.csv", index=False)
    for command, out in (("score", "out.csv"), ("report", "out.md")):
        *_, err = run(command, tmp_path / "new.csv", "--detector", tmp_path / "d",
                     "--out", tmp_path / out)  # fmt: skip
        assert "Most rows lie where no normal row does in “heat [°C]” and “width [mm]”." in err
        assert "“heat [°C]” taken in °F (40 rows" in err


def test_reports_by_index_name_the_rows(plate_detector, tmp_path):
    rows = mistaken().drop(columns="inspector").set_axis([f"r{i}" for i in range(40)])
    Report.of(plate_detector, rows).save(tmp_path / "out.md")
    page = (tmp_path / "out.md").read_text()
    assert "(10 rows, first index r0)" in page
    assert "taken in °F (index r20)" in page


def test_the_service_says_so(plate_detector):
    template = plate_detector.rows_
    rows = template.texts(with_cells(swapped(3, 4)))
    _, own, _ = Answers(plate_detector, template).explain(rows)
    assert own.likely_mistake == "“width [mm]” and “depth [mm]” swapped"
    assert own.unusual_digits is None
    rows = template.texts(plates(2, seed=5).round(0))
    for own in Answers(plate_detector, template).explain(rows, "ja"):
        assert "が通常より切りのよい値" in own.unusual_digits
        assert own.likely_mistake is None


@pytest.mark.parametrize("keeps", [True, False])
def test_rows_that_models_read_hold_mistakes_where_these_are_kept(keeps, tiny_pair, tmp_path):
    frame = plates(60).drop(columns=["line", "shift"])
    detector = PolarDetector("auto", **tiny_pair, max_tokens=8, store_texts=keeps)
    detector.set_params(rows=RowTemplate.fit(frame, [*frame.columns])).fit(frame)
    rows = plates(3, seed=5)
    rows.loc[1, "heat [°C]"] = 360.1
    found = detector.assess(rows, programs_of="none")
    assert [len(own) for own in found.mistakes] == ([0, 1, 0] if keeps else [])
    detector.save(tmp_path / "d")
    assert stored_origin(tmp_path / "d").asides.mistakes == keeps


def test_a_column_of_that_name_is_told_at_fit_as_score_would_refuse_it(run, tmp_path):
    plates().assign(likely_mistake=range(300)).to_csv(tmp_path / "in.csv", index=False)
    *_, err = run("fit", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "d")
    assert "column 'likely_mistake' has the name of one that score adds" in err


def test_screen_says_so(run, tmp_path):
    rows = plates(200)
    rows.loc[[9, 12]] = exchanged(rows.loc[[9, 12]])
    rows.to_csv(tmp_path / "in.csv", index=False)
    *_, err = run("screen", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "out.csv",
                 "--report", tmp_path / "out.md")  # fmt: skip
    said = "2 of 200 rows seem to hold a mistake, with values that would be usual without it: “"
    assert said in err
    assert said in (tmp_path / "out.md").read_text()
    frame = pd.read_csv(tmp_path / "out.csv")
    assert frame.index[frame["likely_mistake"].notna()].tolist() == [9, 12]


def test_what_a_resumed_run_had_found_counts(plate_detector):
    result = plate_detector.assess(with_cells(swapped(3, 4))).results()[1]
    assert from_arrow(to_arrow([result])) == [result]
    assert result.likely_mistake == "“width [mm]” and “depth [mm]” swapped"


def test_detectors_without_numbers_tell_of_no_mistakes():
    words = plates()[["line", "shift"]].assign(part=["bolt", "nut"] * 150)
    found = PolarDetector("columns").fit(words).assess(words[:5])
    assert found.mistakes == ()
    assert found.meant == ()
    assert "likely_mistake" not in found.to_frame()
