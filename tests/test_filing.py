"""Cells that do not go with the free text of their row are told, explained, kept and loaded."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector, Report, screen
from polar_detect.detectors.column_views import misfiled_view
from polar_detect.detectors.scale import CLIP, Scale, column_clips, column_units
from polar_detect.features.of_columns import MISFILED, column_feature, kind_of
from polar_detect.frames import row_template
from polar_detect.messages.formatting import cell_range
from polar_detect.metrics import auroc
from polar_detect.report.formats.html import render_html
from polar_detect.report.formats.markdown import render_markdown
from polar_detect.signature.normal.filed_columns import FiledNumbers, FiledWords
from polar_detect.signature.normal.filing import Filing, filed_columns

WORDS = {
    "Hydraulic": "hose leak cylinder pressure seal oil",
    "Electrical": "fuse wire battery lamp switch cable",
    "Engine": "piston smoke injector turbo idle stalls",
}
NOTHING = np.log(2)


def orders(n=120, seed=0):
    """Return work orders whose words come from their system, on machines that they do not tell."""
    rng = np.random.default_rng(seed)
    systems = rng.choice([*WORDS], n)
    return pd.DataFrame(
        {
            "System": systems,
            "Machine": rng.choice(["M1", "M2", "M3"], n),
            "Note": [
                " ".join([*rng.choice(WORDS[own].split(), 3), f"job {rng.integers(10**6)}"])
                for own in systems
            ],
        }
    )


def misfiled(rows):
    """Return rows under the system that comes next."""
    names = [*WORDS]
    others = [names[(names.index(own) + 1) % len(names)] for own in rows["System"]]
    return rows.assign(System=others)


class Embed:
    """Embeddings that are the words of a text, and how often each text was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        self.asked += texts
        points = np.zeros((len(texts), 64), np.float32)
        for i, text in enumerate(texts):
            for word in text.split():
                points[i, crc32(word.encode()) % 64] += 1
        return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)


@pytest.fixture(scope="module")
def template():
    return row_template(orders())


@pytest.fixture(scope="module")
def filing(template):
    return Filing.fit(template, template.texts(orders()), Embed())


def of_system(filing, rows, **options):
    table = filing.features(filing.template.texts(rows), Embed(), **options)
    return table.values[:, table.features.index(column_feature("System", MISFILED))]


def test_rows_whose_text_does_not_fit_their_cell_are_told_from_usual_ones(filing):
    new = orders(60, seed=1)
    usual, wrong = of_system(filing, new), of_system(filing, misfiled(new))
    assert auroc(np.repeat([False, True], 60), np.concatenate([usual, wrong])) > 0.98
    assert np.median(usual) < 0.4 < NOTHING < 1.5 < np.median(wrong)


def test_what_the_text_leads_to_expect_is_named_where_the_cell_says_something_else(filing):
    new = orders(30, seed=1)
    expected = filing.expected(filing.template.texts(misfiled(new)), Embed())
    pairs = zip(expected, new["System"], strict=True)
    right = [own == {"System": system} for own, system in pairs]
    assert np.mean(right) > 0.9
    assert sum(map(bool, filing.expected(filing.template.texts(new), Embed()))) < 3


def test_a_cell_that_its_text_makes_likelier_is_not_called_misfiled():
    notes = ["hose leak"] * 70 + ["fuse wire"] * 50
    frame = pd.DataFrame({"System": ["A"] * 40 + ["B"] * 30 + ["A"] * 50, "Note": notes})
    frame["Note"] += [f" job {i}" for i in range(120)]
    template, embed = row_template(frame), Embed()
    texts, points = template.texts(frame), embed(notes)
    own = {"points": points, "centre": np.zeros(64, np.float32), "reach": 0.1}
    filing = Filing.of(template, texts, ["System"], **own)
    new = pd.DataFrame({"System": ["B", "B"], "Note": ["hose leak", "fuse wire"]})
    assert filing.expected(template.texts(new), embed) == [{}, {"System": "A"}]


def test_a_column_that_texts_do_not_tell_says_nothing(filing, template):
    assert [own.name for own in filing.columns] == ["System"]
    table = filing.features(template.texts(misfiled(orders(5))), Embed())
    assert table.names == ["column/System/misfiled", "column/Machine/misfiled"]
    np.testing.assert_allclose(table.values[:, 1], NOTHING)
    shuffled = orders().assign(System=orders()["System"].sample(frac=1, random_state=0).to_numpy())
    none = Filing.fit(template, template.texts(shuffled), embed := Embed())
    embed.asked.clear()
    np.testing.assert_allclose(none.features(template.texts(orders(5)), embed).values, NOTHING)
    assert none.expected(template.texts(misfiled(orders(5))), embed) == [{}] * 5
    assert not embed.asked  # nor does it cost anything


def test_by_chance_half_of_pairs_go_worse_however_rare_a_value_is(filing):
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(20):
        codes = (rng.permutation(300) < 6).astype(int)
        column = replace(filing.columns[0], levels={"usual": 0, "rare": 1}, codes=codes)
        shares.append(column.share_told(column.lifts(rng.lognormal(sigma=2, size=(300, 300)))))
    assert 0.4 < np.mean(shares) < 0.6


def test_a_row_that_says_little_is_neither_usual_nor_odd(filing):
    rows = misfiled(orders(5, seed=1))
    rows.loc[0, "System"], rows.loc[1, "System"], rows.loc[2, "Note"] = "", "Hull", ""
    found = of_system(filing, rows)
    np.testing.assert_allclose(found[:3], NOTHING, rtol=1e-6)
    assert (found[3:] > 1).all()


def test_a_value_of_one_row_says_nothing_and_one_of_two_does(template):
    rows = orders()
    rows.loc[0, "System"] = "Hull"
    once = Filing.fit(template, template.texts(rows), Embed())
    np.testing.assert_allclose(of_system(once, rows[:1]), NOTHING)
    rows.loc[1, "System"] = "Hull"
    twice = Filing.fit(template, template.texts(rows), Embed())
    assert twice.columns[0].written == (*dict.fromkeys(rows["System"]),)
    assert np.median(of_system(twice, orders(20, seed=1).assign(System="Hull"))) > 1


def test_rows_that_are_left_out_do_not_speak_for_themselves(template):
    rows = orders()
    rows[:6] = misfiled(rows[:6])
    own = Filing.fit(template, template.texts(rows), Embed())
    itself = np.arange(6)[:, None] == np.arange(len(rows))
    unseen, seen = of_system(own, rows[:6], left_out=itself), of_system(own, rows[:6])
    assert (unseen > seen + 0.2).all()
    nobody = np.ones((6, len(rows)), bool)
    np.testing.assert_allclose(of_system(own, rows[:6], left_out=nobody), NOTHING)


def test_texts_that_are_known_are_not_read_again(filing, template):
    old, new = orders()[:10], orders(10, seed=1)
    embed = Embed()
    filing.features(template.texts(pd.concat([old, new, new])), embed)
    assert embed.asked == [*new["Note"]]


def test_features_do_not_depend_on_the_company_of_a_row(filing):
    rows = pd.concat([orders(20, seed=1), misfiled(orders(80, seed=2))])
    alone = [of_system(filing, rows[i : i + 1])[0] for i in range(0, 100, 9)]
    assert alone == of_system(filing, rows)[::9].tolist()


def test_values_count_however_they_are_spelt(filing):
    rows = misfiled(orders(5, seed=1))
    spelt = rows.assign(System=rows["System"].str.upper())
    assert of_system(filing, spelt).tolist() == of_system(filing, rows).tolist()


def test_without_free_text_or_categories_there_is_nothing_to_tell(template):
    own = orders()
    for columns in (["System", "Machine"], ["Note", "Detail"]):
        rows = own.assign(Detail=own["Note"].str.upper())[columns]
        other = row_template(rows)
        assert filed_columns(other) == []
        assert Filing.fit(other, other.texts(rows), Embed()) is None
    assert filed_columns(template) == ["System", "Machine"]


def test_what_is_kept_tells_the_same(filing, template):
    kept = Filing.of(
        template,
        template.texts(orders()),
        filing.said["told"],
        points=filing.points,
        centre=filing.centre,
        reach=filing.said["reach"],
    )
    rows = misfiled(orders(20, seed=1))
    assert of_system(kept, rows).tolist() == of_system(filing, rows).tolist()


def test_only_columns_that_are_told_are_viewed(filing, template):
    rows = orders()
    itself = np.eye(len(rows), dtype=bool)
    table = filing.features(template.texts(rows), Embed(), left_out=itself)
    scale = Scale.fit(table.values)
    (view,) = misfiled_view(table, scale.apply(table.values), scale.spread)
    assert view.nonzero()[0].tolist() == [0]
    constant = replace(table, values=np.full_like(table.values, NOTHING))
    scale = Scale.fit(constant.values)
    assert misfiled_view(constant, scale.apply(constant.values), scale.spread) == []


HOURS = {"Hydraulic": 2000, "Electrical": 20000, "Engine": 200000}


def repairs(n=120, seed=0):
    """Return work orders without their system, whose hours go with it."""
    rows, rng = orders(n, seed), np.random.default_rng(seed + 100)
    usual = rows["System"].map(HOURS) * np.exp(rng.normal(scale=0.2, size=n))
    return pd.DataFrame({"Hours": usual.round(), "Bench": rng.integers(1, 90, n) / 10}).assign(
        Note=rows["Note"], System=rows["System"]
    )


def shown(rows):
    return rows.drop(columns="System")


def overbooked(rows):
    """Return rows with the hours of the system that comes next."""
    names = [*HOURS]
    usual = rows["System"].map(HOURS)
    others = rows["System"].map(lambda own: HOURS[names[(names.index(own) + 1) % 3]])
    return rows.assign(Hours=(rows["Hours"] * others / usual).round())


@pytest.fixture(scope="module")
def numbers():
    rows = shown(repairs())
    template = row_template(rows)
    return Filing.fit(template, template.texts(rows), Embed())


def of_hours(filing, rows):
    table = filing.features(filing.template.texts(rows), Embed())
    return table.values[:, table.features.index(column_feature("Hours", MISFILED))]


def test_numbers_that_do_not_go_with_the_text_are_told_where_texts_tell_them(numbers):
    assert [own.name for own in numbers.columns] == ["Hours"]
    new = repairs(60, seed=1)
    usual, wrong = of_hours(numbers, shown(new)), of_hours(numbers, shown(overbooked(new)))
    assert auroc(np.repeat([False, True], 60), np.concatenate([usual, wrong])) > 0.98
    assert np.median(usual) < 0.5 < NOTHING < 1.5 < np.median(wrong)
    empty = shown(new).assign(Hours="")
    np.testing.assert_allclose(of_hours(numbers, empty), NOTHING)


def test_the_hours_that_texts_lead_to_expect_are_those_of_like_texts(numbers):
    new = repairs(40, seed=1)
    texts = numbers.template.texts(shown(overbooked(new)))
    expected = [own.get("Hours") for own in numbers.expected(texts, Embed())]
    assert sum(own is not None for own in expected) >= 36
    named = [(own, HOURS[of]) for own, of in zip(expected, new["System"], strict=True) if own]
    assert np.mean([usual / 1.7 < low < high < usual * 1.7 for (low, high), usual in named]) > 0.8
    assert all(low < high for (low, high), _ in named)
    usual = numbers.expected(numbers.template.texts(shown(new)), Embed())
    assert sum(map(bool, usual)) <= 4


def test_a_number_beside_its_band_goes_better_with_a_text_than_one_far_away(numbers):
    (column,) = numbers.columns
    in_the_fifth = np.zeros((1, len(column.codes)))
    in_the_fifth[0, column.codes == 4] = 1
    lifts = column.lifts(in_the_fifth)[0]
    assert lifts[4] < lifts[3] < 0 < lifts[2] == pytest.approx(lifts[9])
    assert lifts[3] == pytest.approx(lifts[5])


def test_bands_of_numbers_hold_about_as_many_rows_each_and_none_too_few(numbers):
    (column,) = numbers.columns
    assert np.bincount(column.codes).tolist() == [12] * 10
    assert column.codes[np.argmax(column.numbers)] == 9  # and so has what lies beyond
    far = column.codes_of(numbers.template.read(numbers.template.texts(far_hours())))
    assert far.tolist() == [0, 9, -1]


def test_a_number_among_those_of_the_likest_texts_is_not_called_misfiled(numbers):
    (column,) = numbers.columns
    likest = np.concatenate([np.flatnonzero(column.codes == end)[:4] for end in (0, 9)])
    weights = np.zeros((1, len(column.codes)))
    weights[:, likest] = 1
    rows = shown(repairs(1)).assign(Hours=np.median(column.numbers))
    rows = numbers.template.read(numbers.template.texts(rows))
    assert column.lifts(weights)[0, column.codes_of(rows)[0]] > 0
    assert column.expected(rows, weights) == [None]


def test_cells_without_a_number_or_a_text_count_for_no_number():
    rows = shown(repairs())
    rows["Hours"] = rows["Hours"].map("{:.1f} h".format)
    rows.loc[:4, "Note"] = ""
    rows.loc[5:19, "Hours"] = "OL"  # beyond what the clock counts
    template = row_template(rows)
    assert [own.name for own in template.columns if own.has_codes] == ["Hours"]
    hours, *_ = Filing.fit(template, template.texts(rows), Embed()).columns
    assert hours.name == "Hours"
    assert np.flatnonzero(hours.codes < 0).tolist() == [*range(20)]
    np.testing.assert_allclose(hours.lifts((hours.codes < 0)[None].astype(float)), 0, atol=1e-12)


def in_bands(hours):
    rows = shown(repairs()).assign(Hours=hours)
    template = row_template(rows)
    return FiledNumbers.of("Hours", template.read(template.texts(rows)), np.ones(120, bool))


def test_numbers_of_which_hardly_any_differ_have_no_bands_to_be_told_apart_by():
    assert in_bands([0.0] * 119 + [7.5]) is None
    assert in_bands([0.0] * 118 + [7.5, 8.5]).n_values == 2
    assert in_bands([0.5] * 10 + [1.5] * 110) is None
    assert in_bands([0.5] * 12 + [1.5] * 108).n_values == 2
    assert in_bands([0.5, 1.5] * 2 + [""] * 116) is None


def far_hours():
    return shown(repairs(3)).assign(Hours=["-50", "9000000", ""])


def test_numbers_that_are_names_are_told_as_words_are():
    rows = orders().assign(
        System=orders()["System"].map({"Hydraulic": 100, "Electrical": 200, "Engine": 300})
    )
    rows["Load"] = rows["System"] * 7 + np.random.default_rng(0).normal(size=120).round(2)
    template = row_template(rows)
    names = filed_columns(template)
    assert template.numeric[0].name == "System"
    assert template.numeric[0].repeats
    assert names == ["System", "Machine", "Load"]
    told = Filing.fit(template, template.texts(rows), Embed()).columns
    assert [*map(type, told)] == [FiledWords, FiledNumbers]


@pytest.fixture(scope="module")
def fitted(tiny_pair):
    return PolarDetector(**tiny_pair).fit(orders(160))


def test_a_detector_finds_misfiled_rows_and_says_where_they_belong(fitted):
    new = orders(40, seed=1)
    rows = pd.concat([new, misfiled(new)], ignore_index=True)
    found = fitted.assess(rows, programs_of="none")
    assert auroc(np.repeat([False, True], 40), found.scores) > 0.8
    right = [
        f"“System” does not go with the text, which is like those of “{own}” +" in reasons
        for own, reasons in zip(new["System"], found.reasons()[40:], strict=True)
    ]
    assert np.mean(right) > 0.6
    i = 40 + right.index(True)
    assert (
        f"「System」が文章と合わない（「{rows['System'][i - 40]}」の行の文章に近い）"
        in (found.reasons("ja")[i])
    )
    assert found.explanation.top_columns()[i].startswith("System +")
    assert not any("does not go" in own for own in found.rows(~found.is_anomaly).reasons()[:5])


def test_a_report_says_beside_the_cell_what_its_text_leads_to_expect(fitted):
    rows = misfiled(orders(12, seed=1))
    report = Report.of(fitted, rows)
    named = [cell for row in report.data.rows for cell in row.cells if cell.expected]
    assert {cell.column for cell in named} == {"System"}
    assert "expected here</th>" in render_html(report.data)
    assert f"expected here: {named[0].expected}" in render_markdown(report.data)
    assert f"(the text is like those of “{named[0].expected}”; +" in render_markdown(report.data)


def test_a_saved_detector_knows_what_texts_belong_where(fitted, tmp_path):
    rows = misfiled(orders(12, seed=1))
    fitted.save(tmp_path / "saved")
    loaded = PolarDetector.load(tmp_path / "saved")
    before, after = (own.assess(rows, programs_of="none") for own in (fitted, loaded))
    assert after.scores.tolist() == before.scores.tolist()
    assert after.reasons() == before.reasons()
    assert any("does not go" in own for own in after.reasons())


def test_a_detector_that_keeps_no_texts_does_without(tiny_pair):
    detector = PolarDetector(**tiny_pair, store_texts=False).fit(orders(60))
    assert detector.fitted_.reference.filing is None
    assert not [f for f in detector.fitted_.statistics.features if kind_of(f) == MISFILED]


@pytest.mark.slow
def test_misfiled_rows_among_others_are_found_that_nobody_has_looked_through(tiny_pair):
    rows = orders(120)
    rows[:6] = misfiled(rows[:6])
    found = screen(rows, PolarDetector(**tiny_pair, contamination=0.05))
    assert auroc(np.arange(120) < 6, found.scores) > 0.8
    assert sum("does not go with the text" in own for own in found.reasons()[:6]) >= 3


def test_a_cluster_of_misfiled_rows_says_what_their_texts_are_like(fitted):
    new = orders(90, seed=1)
    rows = misfiled(new[new["System"] == "Hydraulic"])
    found = fitted.assess(rows, programs_of="none")
    said = found.flagged_clusters(fitted.rows_.texts(rows))["share"]
    assert said[0] == "“System” does not go with the text, which is like those of “Hydraulic”"


def test_a_cell_that_is_odd_in_another_way_first_is_not_called_misfiled(fitted):
    found = fitted.assess(misfiled(orders(12, seed=1)), programs_of="none")
    assert sum("does not go" in own for own in found.reasons()) > 6
    is_filing = [kind_of(feature) == MISFILED for feature in found.explanation.features]
    values = np.where(is_filing, 0.1, found.explanation.values)
    values[:, found.explanation.names.index("column/System/level")] = 5
    other = replace(found, explanation=replace(found.explanation, values=values))
    assert not any("does not go" in own for own in other.reasons())


def test_what_texts_tell_is_clipped_after_nats_not_after_spreads_of_usual_rows():
    own = [column_feature("System", MISFILED), column_feature("Size", "value")]
    assert column_units(own).tolist() == [1, 0]
    assert column_clips([*own, column_feature("Weight", "value")])[0] == CLIP


@pytest.fixture(scope="module")
def fitted_on_numbers(tiny_pair):
    return PolarDetector(**tiny_pair).fit(shown(repairs(160)))


def test_a_detector_says_which_numbers_rows_with_such_texts_have(fitted_on_numbers, tmp_path):
    new = repairs(40, seed=1)
    rows = pd.concat([shown(new), shown(overbooked(new))], ignore_index=True)
    found = fitted_on_numbers.assess(rows, programs_of="none")
    assert auroc(np.repeat([False, True], 40), found.scores) > 0.8
    said = [i for i in range(40, 80) if "“Hours” does not go with the text" in found.reasons()[i]]
    assert len(said) > 20
    i = said[0]
    low, high = cell_range(*found.misfiled[i]["Hours"])
    assert (
        f"“Hours” does not go with the text (with such texts mostly {low} to {high}) +"
        in (found.reasons()[i])
    )
    assert (
        f"「Hours」が文章と合わない（同様の文章の行ではおおむね{low}～{high}）"
        in (found.reasons("ja")[i])
    )
    fitted_on_numbers.save(tmp_path / "saved")
    loaded = PolarDetector.load(tmp_path / "saved").assess(rows, programs_of="none")
    assert loaded.scores.tolist() == found.scores.tolist()
    assert loaded.reasons() == found.reasons()


def test_a_report_says_beside_a_number_what_its_text_leads_to_expect(fitted_on_numbers):
    report = Report.of(fitted_on_numbers, shown(overbooked(repairs(12, seed=1))))
    named = [cell for row in report.data.rows for cell in row.cells if cell.expected]
    assert {cell.column for cell in named} == {"Hours"}
    low, high = cell_range(*named[0].expected)
    written = render_markdown(report.data)
    assert f"expected here: {low} to {high}" in written
    assert f"(with such texts mostly {low} to {high}; +" in written
    assert f"{low} to {high}" in render_html(report.data)
