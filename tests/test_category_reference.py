"""The categories of rows: products, programs, machines that go together."""

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector
from polar_detect.detectors.column_views import LEAST_NATS, category_view, column_shares
from polar_detect.detectors.scale import Scale, column_clips, column_units
from polar_detect.detectors.weighting import unit_tail
from polar_detect.errors import InputError
from polar_detect.features.of_columns import column_of, kind_of
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.signature.columns.categories import CategoryReference, UsualLevels
from polar_detect.signature.columns.new_cells import KnownValues
from polar_detect.tables import RowTemplate
from polar_detect.tables.rows.template_column import Category

PRODUCTS = ("PA-200", "PB-250", "PC-320")


def orders(n_rows=240, seed=0):
    rng = np.random.default_rng(seed)
    product = rng.choice(3, n_rows, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "product": np.asarray(PRODUCTS)[product],
            "program": np.asarray(["P101", "P102", "P103"])[product],
            "shift": rng.choice(["day", "night"], n_rows),
            "remark": [f"order {i} of {rng.integers(10**6)}" for i in range(n_rows)],
            "size [mm]": (np.asarray([20.0, 25.0, 32.0])[product] + rng.normal(0, 0.1, n_rows))
            .round(2)
            .astype(str),
        }
    )


@pytest.fixture(scope="module")
def template():
    return RowTemplate.fit(orders(), [*orders(2).columns])


@pytest.fixture(scope="module")
def reference(template):
    return CategoryReference.fit(template, template.texts(orders()))


def nats_of(reference, rows):
    table = reference.features(reference.template.texts(rows))
    return dict(zip(map(column_of, table.features), table.values.T, strict=True))


def test_words_that_repeat_are_categories_and_each_names_what_tells_it(template):
    found = template.categories
    assert found == {
        "product": Category("words", ("program",)),
        "program": Category("words", ("product",)),
        "shift": Category("words"),
    }
    assert RowTemplate.from_json(template.to_json()) == template


def test_a_known_program_beside_the_wrong_product_is_surprising_in_both(reference):
    rows = orders(6, seed=1)
    usual = nats_of(reference, rows)
    row = rows.index[rows["product"] == "PA-200"][0]
    rows.loc[row, "program"] = "P103"
    found = nats_of(reference, rows)
    for name in ("product", "program"):
        assert usual[name].max() < 0.1
        assert found[name][row] > 4
    np.testing.assert_array_equal(found["shift"], usual["shift"])


def test_what_no_normal_row_says_is_more_surprising_than_what_rows_of_another_kind_say(reference):
    rows = orders(1).assign(product="PA-200", program="P103")
    known = nats_of(reference, rows)["program"]
    assert nats_of(reference, rows.assign(program="P999"))["program"] > known + 2


def test_spelling_makes_no_other_word_of_it(reference):
    rows = orders(4, seed=2)
    spelt = rows.assign(program=rows["program"].str.lower() + " ")
    assert (spelt["program"] != rows["program"]).all()  # control
    for name, own in nats_of(reference, spelt).items():
        np.testing.assert_array_equal(own, nats_of(reference, rows)[name])


def test_a_row_does_not_meet_itself_where_it_is_banned(template):
    rows = orders(60).assign(program="P101")
    rows.loc[7, "program"] = "P777"
    texts = template.texts(rows)
    reference = CategoryReference.fit(template, texts)
    is_program = [column_of(own) == "program" for own in reference.features([]).features]
    seen, unseen = (
        reference.features(texts, banned=banned).values[:, is_program].ravel()
        for banned in (None, np.eye(60, dtype=bool))
    )
    assert unseen[7] > seen[7] + 0.5
    np.testing.assert_allclose(np.delete(unseen, 7), np.delete(seen, 7), atol=0.05)


def test_features_of_a_row_do_not_depend_on_the_rows_beside_it(reference):
    texts = reference.template.texts(orders(9, seed=3))
    together = reference.features(texts).values
    alone = np.vstack([reference.features([text]).values for text in texts])
    np.testing.assert_array_equal(together, alone)


def test_a_text_that_is_no_row_says_what_no_normal_row_does(reference):
    strange = reference.features(["no row"]).values
    assert (strange > reference.features(reference.template.texts(orders(9))).values).all()


def test_texts_that_are_no_rows_are_refused_with_the_first_of_them(template):
    with pytest.raises(InputError, match=r"such as 'Pump leaks\.', none of which is a row"):
        CategoryReference.fit(template, ["Pump leaks.", "No row either."])


def test_without_categories_there_is_no_reference():
    rows = orders()[["size [mm]", "remark"]]
    template = RowTemplate.fit(rows, [*rows.columns])
    assert template.categories == {}
    assert CategoryReference.fit(template, template.texts(rows)) is None


def test_people_are_told_what_normal_rows_say_beside_the_same_product(reference):
    rows = orders(1).assign(product="pa-200", program="P103", shift="")
    product, program, shift = reference.usual_for(reference.template.texts(rows)[0])
    assert product == UsualLevels({"PC-320": 1.0}, 0.0, 1)
    assert program == UsualLevels({"P101": 1.0}, 0.0, 1)
    assert shift.n_factors == 0
    assert {*shift.shares} == {"day", "night"}
    assert sum(shift.shares.values()) == pytest.approx(1)
    assert [*shift.shares.values()] == sorted(shift.shares.values(), reverse=True)
    assert shift.share == 0


def test_cells_that_are_empty_in_normal_rows_are_said_to_be(template):
    rows = orders()
    rows.loc[::2, "shift"] = ""
    own = CategoryReference.fit(template, template.texts(rows))
    shares = own.usual_for(template.texts(rows)[0])[2].shares
    assert next(iter(shares)) == ""
    assert shares[""] == pytest.approx(0.5)


def test_empty_cells_are_those_of_numbers_and_categories(template):
    rows = orders(3)
    rows.loc[0, ["program", "remark"]] = ""
    rows.loc[1, "size [mm]"] = "N/A"
    texts = [*template.texts(rows), "no row"]
    own = [frozenset({"program"}), frozenset({"size [mm]"}), frozenset(), frozenset()]
    assert template.read(texts).empty_cells == own


def test_a_none_among_words_is_an_answer_and_no_empty_cell():
    rows = orders().assign(shift=np.resize(["none", "ON"], 240))
    template = RowTemplate.fit(rows, [*rows.columns])
    texts = template.texts(rows[:2].assign(**{"size [mm]": ["none", "20.0"]}))
    assert template.read(texts).empty_cells == [frozenset({"size [mm]"}), frozenset()]
    own = CategoryReference.fit(template, template.texts(rows))
    (shares,) = [own.shares for own in own.usual_for(texts[0]) if "ON" in own.shares]
    assert shares == {"none": 0.5, "ON": 0.5}


def view_of(values):
    """Return the view of categories with such surprisals, of each row."""
    features = tuple(Feature("column", f"{name}/level") for name in "abc"[: values.shape[1]])
    normal = FeatureTable(values.astype(np.float32), features)
    scale = Scale.fit(normal.values, column_clips(features), units=column_units(features))
    (view,) = category_view(normal, scale.spread)
    return scale.apply(normal.values) @ view, column_shares(normal)


def test_a_category_counts_for_as_much_as_can_be_foretold_of_it():
    rng = np.random.default_rng(0)
    sure, guessed = rng.uniform(0, 0.02, 99), rng.uniform(2, 3, 99)
    found, shares = view_of(np.stack([sure, guessed], axis=1))
    weights = np.exp([-sure.mean(), -guessed.mean()])
    expected = weights @ [sure, guessed]
    np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=1e-5)
    np.testing.assert_allclose(shares, [weights.sum() / (weights.sum() + 2)], rtol=1e-5)


def test_categories_that_never_change_count_as_one():
    values = np.full((99, 3), 0.01)
    assert view_of(values)[1].tolist() == [1 / 3]
    values[:, 0] = np.random.default_rng(0).uniform(0, 2, 99)
    own = np.exp(-values[:, 0].astype(np.float32).mean(dtype=float))
    np.testing.assert_allclose(view_of(values)[1], [(1 + own) / (3 + own)], rtol=1e-6)


def test_columns_of_one_word_count_as_one_category_whatever_rows_are_met():
    rows = orders(40).assign(line="L1", plant="Kobe", owner="QA")[
        ["shift", "line", "plant", "owner"]
    ]
    template = RowTemplate.fit(rows, [*rows.columns])
    assert {*template.categories.values()} == {Category("words")}
    texts = template.texts(rows)
    banned = np.eye(40, dtype=bool)
    banned[:20, :5] = True
    normal = CategoryReference.fit(template, texts).features(texts, banned=banned)
    shift = np.exp(-normal.values[:, 0].mean(dtype=float))
    np.testing.assert_allclose(column_shares(normal), [(1 + shift) / (3 + shift)], rtol=1e-6)


def test_levels_are_columns_and_no_numbers(reference):
    features = reference.features([]).features
    assert [kind_of(own) for own in features] == ["level"] * 3
    assert column_clips(features).tolist() == [8.0] * 3
    assert column_units(features).tolist() == [1.0] * 3


def with_gaps(n_rows=240, seed=0):
    """Return rows with a rework time where the judgement is NG, and two sensors failing as one."""
    rng = np.random.default_rng(seed)
    rows = orders(n_rows, seed)
    is_bad, has_failed = rng.random(n_rows) < 0.2, rng.random(n_rows) < 0.3
    rework = rng.normal(30, 5, n_rows).round(1).astype(str)
    rows["judgement"] = np.where(is_bad, "NG", "OK")
    rows["rework [min]"] = np.where(is_bad, rework, "")
    for name in ("inlet [K]", "outlet [K]"):
        rows[name] = np.where(has_failed, "", rng.normal(300, 2, n_rows).round(1).astype(str))
    rows["remark"] = np.where(is_bad, rows["remark"], "")
    return rows


@pytest.fixture(scope="module")
def gappy():
    rows = with_gaps()
    template = RowTemplate.fit(rows, [*rows.columns])
    return CategoryReference.fit(template, template.texts(rows))


def test_cells_that_are_empty_together_name_each_other(gappy):
    found = gappy.template.categories
    assert {name for name, own in found.items() if own.of == "gaps"} == {
        "remark", "rework [min]", "inlet [K]", "outlet [K]",
    }  # fmt: skip
    assert found["inlet [K]"].factors == ("outlet [K]",)
    assert found["judgement"].of == "words"
    assert found["rework [min]"].factors[0] in {"judgement", "remark"}
    assert RowTemplate.from_json(gappy.template.to_json()) == gappy.template


@pytest.mark.parametrize("name", ["rework [min]", "inlet [K]", "remark"])
@pytest.mark.parametrize("is_empty", [True, False])
def test_a_cell_that_is_empty_or_filled_against_the_others_is_surprising(gappy, name, is_empty):
    rows = with_gaps(60, seed=1)
    row = rows.index[(rows[name] == "") != is_empty][0]
    usual = nats_of(gappy, rows)[name][row]
    rows.loc[row, name] = "" if is_empty else rows[name][rows[name] != ""].iloc[0]
    assert usual < 0.2
    assert nats_of(gappy, rows)[name][row] > 3


def test_gaps_that_nothing_tells_are_left_to_the_numbers():
    rows = orders()
    rng = np.random.default_rng(5)
    rows.loc[rng.random(len(rows)) < 0.3, "size [mm]"] = ""
    rows["weight [g]"] = np.where(rng.random(len(rows)) < 0.3, "", "7.5")
    template = RowTemplate.fit(rows, [*rows.columns])
    assert {own.of for own in template.categories.values()} == {"words"}


def test_minutes_in_fives_are_no_name_and_are_held_against_whether_there_should_be_some():
    def in_fives(rows):
        minutes = rows["rework [min]"].replace("", "nan").astype(float) // 5 * 5
        said = minutes.map("{:.0f}".format).where(minutes.notna(), "")
        remark = np.where(rows["judgement"] == "NG", "burr, ground", "")
        return rows.assign(**{"rework [min]": said, "remark": remark})

    rows = in_fives(with_gaps())
    template = RowTemplate.fit(rows, [*rows.columns])
    found = template.categories
    assert found["rework [min]"].of == "gaps"
    reference = CategoryReference.fit(template, template.texts(rows))
    new = in_fives(with_gaps(60, seed=1))
    is_bad = new["judgement"] == "NG"
    new.loc[new.index[is_bad][0], "rework [min]"] = ""
    new.loc[new.index[is_bad][1], "rework [min]"] = "55"  # longer, as ever: a number's matter
    new.loc[new.index[~is_bad][0], "rework [min]"] = "30"
    nats = nats_of(reference, new)["rework [min]"]
    assert nats[new.index[is_bad][0]] > 3
    assert nats[new.index[~is_bad][0]] > 3
    assert np.sort(nats)[:-2].max() < 0.2


def test_of_very_many_columns_with_gaps_it_is_not_asked_which_go_together():
    n_rows, has_failed = 40, np.arange(40) % 3 == 0
    values = np.where(has_failed[:, None], "", np.arange(40 * 51).reshape(40, 51).astype(str))
    few, many = (
        RowTemplate.fit(pd.DataFrame(values[:, :n]).add_prefix("s"), [f"s{i}" for i in range(n)])
        for n in (50, 51)
    )
    assert n_rows == len(values)
    assert len(few.categories) == 50
    assert many.categories == {}


def test_a_number_that_tells_of_others_is_a_name_and_a_new_one_is_surprising():
    rows = orders()
    rows["program"] = rows["program"].str.removeprefix("P")
    rows["count"] = np.resize(["1", "2"], len(rows))
    template = RowTemplate.fit(rows, [*rows.columns])
    assert {own.name: own.decimals for own in template.numeric} == {
        "program": 0, "size [mm]": 2, "count": 0,
    }  # fmt: skip
    assert {*template.categories} == {"product", "program", "shift"}
    reference = CategoryReference.fit(template, template.texts(rows))
    usual = nats_of(reference, rows[:30])["program"]
    found = nats_of(reference, rows[:30].assign(program="207"))["program"]
    assert usual.max() < 0.1
    assert found.min() > 5


def test_a_measured_number_that_repeats_is_no_name_though_it_tells_the_product():
    rng = np.random.default_rng(0)
    rows = orders()[["product", "shift"]]
    centre = rows["product"].map(dict(zip(PRODUCTS, (32.0, 28.0, 61.0), strict=True)))
    rows["hardness"] = (centre + rng.normal(0, 0.4, len(rows))).round(1).astype(str)
    template = RowTemplate.fit(rows, [*rows.columns])
    (own,) = (own for own in template.columns if own.name == "hardness")
    assert (own.decimals, own.category, own.factors) == (1, None, ("product",))
    known = KnownValues.of(template, template.texts(rows))
    assert known.new_cells(template.texts(rows[:1].assign(hardness="33.9"))) == [()]


def test_an_exception_that_no_normal_row_has_is_not_scaled_up_without_bounds():
    weights, inside = np.asarray([1.0]), np.linspace(0, 0.02, 99)[:, None]
    assert unit_tail(weights, inside, least=LEAST_NATS).tolist() == [2.0]
    assert unit_tail(weights, inside)[0] > 100  # control
    assert unit_tail(weights, 100 * inside, least=LEAST_NATS) == unit_tail(weights, 100 * inside)


def test_words_that_are_usual_in_rows_of_another_kind_are_told_from_rare_and_new_ones(reference):
    rows = orders(5, seed=1).assign(product="PA-200", program="P101", shift="day")
    rows.loc[1, "program"] = "P103"
    rows.loc[2, "program"] = "P999"  # of no kind
    rows.loc[3, "shift"] = "late"
    texts = [*reference.template.texts(rows), "no row"]
    wrong = {"product": ("program",), "program": ("product",)}
    assert reference.unlike_kind(texts) == [{}, wrong, {}, {}, {}, {}]


def test_a_cell_that_is_filled_where_rows_like_it_are_empty_is_unlike_its_kind(gappy):
    rows = with_gaps(60, seed=1)
    row = rows.index[rows["judgement"] == "OK"][0]
    rows.loc[row, "rework [min]"] = "30.0"
    found = gappy.unlike_kind(gappy.template.texts(rows))[row]
    assert "rework [min]" in found


def test_of_gaps_that_tell_of_a_number_only_it_is_read_whether_cells_are_empty():
    rng = np.random.default_rng(6)
    program = np.where(rng.random(600) < 0.85, 1, rng.choice([2, 3], 600))
    is_empty = rng.random(600) < np.where(program == 1, 0.44, 0.68)
    size = np.asarray([20.0, 35.0, 28.0])[program - 1] + rng.normal(0, 0.1, 600)
    rework = np.where(is_empty, "", rng.normal(30, 5, 600).round(3).astype(str))
    rows = pd.DataFrame({"program": program, "size": size.round(2), "rework": rework}).astype(str)
    template = RowTemplate.fit(rows, [*rows.columns])
    found = template.categories
    assert "rework" in found["program"].factors
    assert found["rework"] == Category("gaps")
    own = CategoryReference.fit(template, template.texts(rows))
    some, other = (nats_of(own, rows[:1].assign(rework=cell))["program"] for cell in ("9.9", "99"))
    assert some == other != nats_of(own, rows[:1].assign(rework=""))["program"]


def test_numbers_keep_their_share_beside_words_which_take_theirs_from_the_text():
    numbers = [
        Feature("column", f"{name}/{kind}") for name in "xy" for kind in ("residual", "value")
    ]
    level = np.random.default_rng(0).uniform(0, 2, 99).astype(np.float32)
    values = np.column_stack([np.zeros((99, 4), np.float32), level])
    shares = column_shares(FeatureTable(values, (*numbers, Feature("column", "a/level"))))
    weight = np.exp(-level.mean(dtype=float))
    np.testing.assert_allclose(shares, [2 / 4, (1 - 2 / 4) * weight / (weight + 2)])
    # What labelled rows teach of categories makes no numbers of them.
    features = (*numbers, *(Feature("column", f"a/{kind}") for kind in ("level", "likeness")))
    beside = np.column_stack([values, level])
    np.testing.assert_array_equal(column_shares(FeatureTable(beside, features)), shares)
    np.testing.assert_array_equal(column_clips(features)[:4], column_clips(numbers))


def test_of_a_rare_kind_only_the_columns_are_named_beside_which_enough_rows_stand():
    product = np.repeat(["PA", "PB"], [125, 120])
    machine = np.concatenate([np.repeat(["M1", "M2"], [120, 5]), np.tile(["M1", "M2"], 60)])
    rows = pd.DataFrame({"product": product, "machine": machine})
    rows["tool"] = rows["product"].str[1] + np.where(rows["product"] == "PB", rows["machine"], "")
    template = RowTemplate.fit(rows, [*rows.columns])
    factors = {name: own.factors for name, own in template.categories.items()}
    assert factors["tool"] == ("product", "machine")
    reference = CategoryReference.fit(template, template.texts(rows))
    new = pd.DataFrame({"product": ["PA", "PB"], "machine": "M2", "tool": ["BM1", "BM1"]})
    rare, common = reference.unlike_kind(template.texts(new))
    assert rare["tool"] == ("product",)
    assert common["tool"] == ("product", "machine")


def test_in_a_detector_a_nat_counts_for_two_standard_deviations_at_most(tiny_pair):
    rows = orders(60)[["product", "program"]]
    own = PolarDetector(**tiny_pair, max_tokens=4).fit(rows).fitted_.head._fitted
    is_level = np.asarray([kind_of(feature) == "level" for feature in own.features])
    n = len(own.features)
    of_nats = own.views[-2][:n][is_level] / own.scale.spread[is_level]  # before new words
    assert 1 < of_nats.max() <= 2
    # What no normal row says there counts for as much as all else together.
    kinds = [kind_of(own.features[i % n]) for i in np.flatnonzero(own.views[-1])]
    assert kinds == ["new", "new"]
    assert own.shares[-1] == pytest.approx(own.shares[:-1].sum())


@pytest.mark.parametrize(
    ("codes", "is_category"),
    [
        (["4901234567894", "4901234567900", "4909876543217"], True),
        (["10023456", "10023471", "10024090"], True),
        (["1002345", "1002347", "1002409"], False),  # seven digits: a count, maybe
        (["12500000", "99000000", "10000000"], False),  # prices
        (["10023456", "10023471", "210024090"], False),
        (["10023456.5", "10023471", "10024090"], False),
    ],
)
def test_long_whole_numbers_that_repeat_are_a_category_though_nothing_depends_on_them(
    codes, is_category
):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"article": rng.choice(codes, 90), "weight": rng.normal(5, 1, 90)})
    template = RowTemplate.fit(rows, ["article", "weight"])
    assert [*template.categories] == (["article"] if is_category else [])


@pytest.mark.parametrize(("name", "unit"), [("clock [Hz]", ""), ("clock", " Hz")])
def test_long_whole_numbers_with_a_unit_are_measured(name, unit):
    rng = np.random.default_rng(0)
    hertz = [f"{own}{unit}" for own in rng.integers(16_000_001, 16_000_009, 90)]
    rows = pd.DataFrame({name: hertz, "weight": rng.normal(5, 1, 90)})
    template = RowTemplate.fit(rows, [name, "weight"])
    assert (len(template.numeric), [*template.categories]) == (2, [])
    bare = pd.DataFrame({"clock": [own.split()[0] for own in hertz], "weight": rows["weight"]})
    assert [*RowTemplate.fit(bare, ["clock", "weight"]).categories] == ["clock"]  # control
