"""Columns that say under what conditions rows were made: the others are judged given them."""

import json

import numpy as np
import pandas as pd
import pytest
from japanese import is_japanese

from polar_detect import PolarDetector, Report, screen
from polar_detect.artifact.contents import read_contents
from polar_detect.compare import Reading, read_task
from polar_detect.errors import InputError
from polar_detect.features.of_columns import column_of
from polar_detect.messages.language import Language
from polar_detect.metrics import auroc
from polar_detect.report.content.phrases import beyond_reach
from polar_detect.signature.columns.conditions import Conditions
from polar_detect.signature.columns.reach import Beyond
from polar_detect.tables import RowTemplate

AMBIENT, POWER, EXIT = "Ambient [°C]", "Power [kW]", "Exit [°C]"


def furnace(n_rows, *, seed=0, warmer=0.0):
    """Return rows whose power falls and whose exit gets hotter with the ambient temperature."""
    rng = np.random.default_rng(seed)
    ambient = rng.normal(12, 2, n_rows) + warmer
    zone = rng.normal(850, 1, n_rows)
    return pd.DataFrame({
        AMBIENT: ambient.round(1),
        "Shift": rng.choice(["early", "late"], n_rows),
        "Zone [°C]": zone.round(1),
        POWER: (90 - 1.5 * (ambient - 12) + rng.normal(0, 0.5, n_rows)).round(1),
        EXIT: (500 + 2 * (ambient - 12) + (zone - 850) + rng.normal(0, 1, n_rows)).round(1),
    })  # fmt: skip


def spoilt(rows, *, by=4.0):
    """Return the same rows, of each of which the power is off."""
    step = np.where(np.arange(len(rows)) % 2, by, -by)
    return rows.assign(**{POWER: rows[POWER] + step})


def fitted(*conditions, rows=None, **settings):
    own = furnace(150) if rows is None else rows
    return PolarDetector("columns", condition_columns=conditions, **settings).fit(own, groups=None)


@pytest.fixture(scope="module")
def given():
    return fitted(AMBIENT)


def lines(conditions, values, *, step=0.01):
    """Return what is fitted on one condition and one column of numbers."""
    own, levels = np.asarray(conditions, float)[:, None], [[()] * len(values)]
    return Conditions.fit(
        np.asarray(values, float)[:, None], own, levels, steps=[step], condition_steps=[step]
    )


def beside(found, conditions, values, *, are_own=False):
    own, levels = np.asarray(conditions, float)[:, None], [[()] * len(values)]
    numbers = np.asarray(values, float)[:, None]
    return found.beside(numbers, own, levels, are_own=are_own)


X = np.linspace(10, 20, 101)
NOISE = np.random.default_rng(0).normal(0, 0.1, 101)


def test_a_line_goes_on_beyond_the_normal_rows():
    found = beside(lines(X, 3 * X + NOISE), [15, 40], [45, 120])
    np.testing.assert_allclose(found.values.ravel(), 45, atol=0.4)
    assert found.unsure[0] < 1.01 < found.unsure[1]


def test_without_conditions_numbers_stay_as_they_are():
    none = Conditions.fit(
        X[:, None], np.empty((101, 0)), [[()] * 101], steps=[1], condition_steps=[]
    )
    found = none.beside(X[:, None], np.empty((101, 0)), [[()] * 101], are_own=True)
    assert found.values.base is X or np.shares_memory(found.values, X)
    assert (found.unsure == 1).all()


def test_one_wild_cell_of_a_condition_does_not_turn_a_line():
    values, meter = 3 * X + NOISE, X.copy()
    meter[[3, 70]] = 999.0
    found = beside(lines(meter, values), [30.0], [90.0])
    assert found.values[0, 0] == pytest.approx(45, abs=1)


def test_logarithms_go_along_where_they_fit_better():
    values = np.exp(X / 4 + NOISE)
    found = lines(X, values)
    assert found.lines[0].is_log
    np.testing.assert_allclose(
        beside(found, [15, 30], np.exp([15 / 4, 30 / 4])).values.ravel(), np.exp(15 / 4), rtol=0.1
    )
    assert not lines(X, 3 * X + NOISE).lines[0].is_log


def test_what_is_told_exactly_is_no_noise_of_floats():
    told = (1.8 * X.round(1) + 32).round(2)
    found = lines(X.round(1), told)
    normal, new = (
        beside(found, own, (1.8 * own + 32).round(2)).values
        for own in (X.round(1), X.round(1) + 90)
    )
    assert np.ptp(normal) == 0
    assert np.abs(new - normal[0]).max() < 0.0025  # steps of a tenth of a hundredth


def test_a_row_with_a_missing_condition_may_differ_as_if_there_was_none():
    found = beside(lines(X, 3 * X + NOISE), [np.nan], [60.0])
    assert found.values[0, 0] == 60.0
    assert 10 < found.unsure[0, 0] < 200  # times the noise: what the condition explains


def test_where_a_condition_never_changed_nothing_is_known():
    found = beside(lines(np.full(101, 15.0), 45 + NOISE), [15.0, 25.0], [45, 45])
    assert found.unsure[0] < 1.1
    assert found.unsure[1] > 100


def test_a_column_of_which_all_is_missing_has_a_flat_line():
    found = beside(lines(X, np.full(101, np.nan)), [40.0], [7.0])
    assert found.values[0, 0] == 7.0


def test_normal_rows_lie_nearer_to_their_line_than_new_ones():
    found = lines(X[::10], 3 * X[::10] + NOISE[::10])
    (own,), (new,) = (beside(found, [20.0], [60.0], are_own=a).unsure for a in (True, False))
    assert own < 1 < new


def test_where_a_response_bends_rows_may_differ_the_more_the_farther_out_they_lie():
    bent, places = lines(X, (X - 10) ** 2 + NOISE), [15.0, 20.0, 22.0, 26.0]
    inside, edge, near, far = beside(bent, places, [0] * 4).unsure.ravel()
    assert inside < edge < 1.1
    assert 2 < near < far / 2.5
    assert beside(bent, places[3:], [0], are_own=True).unsure < 1.1  # which told the line
    noises = np.random.default_rng(1).normal(0, 0.1, (40, 101))
    growing = [lines(X, 3 * X + own).lines[0].growth.any() for own in noises]
    assert np.mean(growing) < 0.2  # by chance


@pytest.mark.parametrize("loud", [X - 10, 20 - X])
def test_where_noise_grows_rows_may_differ_more_on_either_side(loud):
    """Nothing says that it does not grow the other way as well."""
    found = lines(X, 3 * X + NOISE * np.exp(loud / 3))
    low, high = beside(found, [0.0, 30.0], [0, 90]).unsure.ravel()
    assert low == pytest.approx(high, rel=0.2)
    assert low > 2


def test_columns_that_go_together_still_do_beyond_their_conditions():
    """A column that bends makes others unsure too, or a copy of it that does not would break."""
    values = np.column_stack([(X - 10) ** 2 + NOISE, 3 * X + NOISE, 2 * X + NOISE])
    found = Conditions.fit(
        values, X[:, None], [[()] * 101] * 3, steps=[0.01] * 3, condition_steps=[0.01]
    )
    new = found.beside(np.zeros((1, 3)), np.array([[30.0]]), [[()]] * 3, are_own=False).unsure
    alone = beside(lines(X, 3 * X + NOISE), [30.0], [0.0]).unsure[0, 0]
    assert new[0, 0] > new[0, 1] > 2 * alone
    assert new[0, 1] == pytest.approx(new[0, 2], rel=0.05)


def test_lines_go_within_any_kind_of_rows():
    """A condition that differs between products tells nothing of what it does within one."""
    levels = [[(name,) for name in np.repeat(["A", "B"], 50)]]
    own = np.concatenate([X[::2][:50], 100 + X[::2][:50]])
    values = 3 * own + np.repeat([0, -300], 50) + NOISE[:100]  # so that both lie alike
    shape = values[:, None], own[:, None], levels
    found = Conditions.fit(*shape, steps=[0.01], condition_steps=[0.01])
    assert found.lines[0].slopes[0] / found.spreads[0] == pytest.approx(3, abs=0.1)


def test_a_new_condition_is_not_flagged_and_faults_are(given):
    usual = furnace(200, seed=1, warmer=8.0)
    for rows in (furnace(200, seed=2), usual):
        found, faults = given.assess(rows), given.assess(spoilt(rows))
        assert found.is_anomaly.mean() < 0.11
        assert faults.is_anomaly.mean() > 0.9
        assert auroc(np.repeat([False, True], 200), np.append(found.scores, faults.scores)) > 0.97
    assert fitted().predict(usual).mean() < -0.5  # the control: most are flagged


def test_usual_rows_beyond_are_flagged_less_where_a_response_bends(monkeypatch):
    def bent(n_rows, *, seed=0, warmer=0.0):
        rows = furnace(n_rows, seed=seed, warmer=warmer)
        power = rows[POWER] - 0.3 * (rows[AMBIENT] - 12) ** 2
        return rows.assign(**{POWER: power.round(1)})

    shares = []
    for growth in (None, lambda *_: np.zeros(1)):
        if growth is not None:
            monkeypatch.setattr("polar_detect.signature.columns.conditions._growth", growth)
        detector = fitted(AMBIENT, rows=bent(150))
        rows = bent(200, seed=1), bent(200, seed=1, warmer=5.0), spoilt(bent(200, seed=2))
        shares.append([detector.assess(own).is_anomaly.mean() for own in rows])
    (within, beyond, found), (same, without, also_found) = shares
    assert (within, found) == pytest.approx((same, also_found), abs=0.04)
    assert beyond < without / 2


def test_conditions_are_in_no_feature_and_no_reason():
    given = fitted(AMBIENT, "Shift")
    rows = spoilt(furnace(40, seed=1)).assign(**{AMBIENT: 99.0, "Shift": "night"})
    found = given.assess(rows)
    assert {column_of(own) for own in found.explanation.features} == {"Zone [°C]", POWER, EXIT}
    assert not any(AMBIENT in reason or "Shift" in reason for reason in found.reasons())
    assert not any(found.new_cells)
    assert any(fitted(AMBIENT).assess(rows).new_cells)  # the control


def test_rows_score_alone_as_in_company(given):
    rows = furnace(12, seed=1, warmer=3.0).assign(**{AMBIENT: [None, *range(11)]})
    together = given.score_samples(rows)
    alone = [given.score_samples(rows.iloc[[i]])[0] for i in range(12)]
    assert together.tolist() == alone


def test_saved_conditions_score_the_same_and_are_kept_by_a_refit(given, tmp_path):
    given.save(tmp_path / "detector")
    loaded, rows = PolarDetector.load(tmp_path / "detector"), furnace(30, seed=1, warmer=5)
    assert loaded.score_samples(rows).tolist() == given.score_samples(rows).tolist()
    assert loaded.condition_columns == (AMBIENT,)
    again = loaded.fit(furnace(150), groups=None)
    assert again.score_samples(rows).tolist() == given.score_samples(rows).tolist()
    facts = dict(read_contents(tmp_path / "detector").facts)
    assert facts["Conditions, given which the others are judged"] == AMBIENT
    assert AMBIENT not in facts["Columns of numbers"]


def test_labels_teach_what_is_odd_given_conditions():
    rows, labels = (
        pd.concat([furnace(150), spoilt(furnace(20, seed=3))]),
        np.repeat([0, 1], [150, 20]),
    )
    new = furnace(200, seed=1, warmer=8.0), spoilt(furnace(200, seed=2, warmer=8.0))
    found = []
    for conditions in ((), (AMBIENT,)):
        detector = PolarDetector("columns-classifier", condition_columns=conditions)
        detector.fit(rows, labels, groups=None)
        own = detector.fitted_.row_reference.likeness.columns
        texts = [text for part in new for text in detector.rows_.texts(part)]
        found.append(auroc(np.repeat([False, True], 200), own.features(texts).values.sum(1)))
    assert found[0] < 0.6  # the control
    assert found[1] > 0.98


@pytest.mark.slow
def test_screening_holds_rows_beside_their_conditions():
    rows = furnace(200)
    rows.loc[[5, 60], AMBIENT] = [20.0, 4.0]  # whose power does not go along
    rows.loc[70, [AMBIENT, POWER, EXIT]] = [25.0, 70.5, 526.0]  # and one that does
    given, plain = (
        screen(rows, PolarDetector("columns", condition_columns=own)).scores
        for own in ([AMBIENT], [])
    )
    assert given[[5, 60]].min() > 50
    assert plain[[5, 60]].min() > 40
    assert given[70] < 6
    assert plain[70] > 25


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        (["Ambience"], "Got column 'Ambience'; the table has: .*Pass condition_columns"),
        ([AMBIENT, AMBIENT], "twice in condition_columns"),
        (["Date"], "Got condition column 'Date', which holds dates, lots or the like"),
        (["Remark"], "Got condition column 'Remark'.*words that hardly repeat"),
        ([AMBIENT, "Shift", "Zone", POWER, EXIT], "and conditions aside.*name fewer conditions"),
        ("Shift", "Got condition_columns 'Shift'; expected names of columns"),
        (7, "Got condition_columns 7; expected names of columns"),
    ],
)
def test_refuses_what_can_be_no_condition(conditions, said):
    dates = pd.date_range("2026-01-01", periods=150).astype(str)
    rows = furnace(150).assign(Date=dates, Remark=[f"checked {i} by {7 * i}" for i in range(150)])
    with pytest.raises(InputError, match=said):
        PolarDetector("columns", condition_columns=conditions).fit(rows)


def test_refuses_conditions_that_models_would_read():
    with pytest.raises(InputError, match="for the detector texts, whose models read what they say"):
        PolarDetector("texts", condition_columns=[AMBIENT]).fit(furnace(60))
    with pytest.raises(
        InputError, match="Got condition_columns Ambient for texts that are no rows"
    ):
        PolarDetector(condition_columns=["Ambient"]).fit([f"pump {i}" for i in range(60)])


def test_templates_say_which_columns_are_conditions_and_refuse_what_is_none():
    own = RowTemplate.fit(furnace(60), [AMBIENT, "Shift", POWER]).under(["ambient", "Shift"])
    stored = own.to_json()
    assert RowTemplate.from_json(stored) == own
    assert own.conditions_by_name == [AMBIENT, "Shift"]
    stored["columns"][0] |= {"decimals": None}
    with pytest.raises(Exception, match="no row template"):
        RowTemplate.from_json(stored)


def test_reports_show_conditions_without_a_part_and_what_is_usual_under_them(given, tmp_path):
    rows = furnace(30, seed=1, warmer=8.0)
    rows[:3] = spoilt(rows[:3])
    report = Report.of(given, rows, top=1)
    row = report.data.rows[0]
    (condition,) = [cell for cell in row.cells if cell.is_condition]
    assert (condition.column, condition.part) == (AMBIENT, 0.0)
    assert condition.low < condition.high < float(condition.says)
    (power,) = [cell for cell in row.cells if cell.column == POWER]
    assert power.low < 90 - 1.5 * (float(condition.says) - 12) < power.high
    assert not power.low < float(power.says) < power.high
    assert power.low == round(power.low, 1)
    assert report.data.beyond == Beyond((), (AMBIENT,), (AMBIENT,))
    report.save(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ">condition</td>" in html
    assert "as conditions these do not count" in html


def test_a_column_that_has_left_its_normal_range_is_said_to_be_a_condition_perhaps():
    rows, usual = furnace(40, seed=1, warmer=15.0), furnace(40, seed=1)
    found = Report.of(fitted(), rows, top=1).data
    assert AMBIENT in found.beyond.columns
    assert found.beyond.conditions == ()
    assert Report.of(fitted(), usual, top=1).data.beyond == Beyond()
    assert Report.of(fitted(), rows[:7], top=1).data.beyond == Beyond()  # too few


def test_whoever_has_named_conditions_is_told_to_name_them_again_beside_others():
    rows = furnace(40, seed=1).assign(**{"Zone [°C]": 900.0})
    beyond = Report.of(fitted(AMBIENT, "Shift"), rows, top=1).data.beyond
    assert beyond.columns[0] == "Zone [°C]"
    (said,) = beyond_reach(beyond, Language("en"))
    assert f"--condition-columns '{AMBIENT},Shift,Zone [°C]" in said


def table(path, rows):
    rows.to_csv(path, index=False)
    return path


def test_commands_take_conditions_and_say_what_they_are(run, tmp_path):
    train = table(tmp_path / "train.csv", furnace(150))
    new = table(tmp_path / "new.csv", furnace(60, seed=1, warmer=8.0))
    folder, out = tmp_path / "detector", tmp_path / "scored.csv"
    own = ("--columns", "Zone,Power,Exit", "--condition-columns", "ambient")
    code, _, said = run("fit", train, *own, "--out", folder)
    assert code == 0
    assert "conditions, given which the other columns are judged" in said
    assert f"judged given “{AMBIENT}”, which do not count themselves" in " ".join(said.split())
    assert "columns of numbers: Zone [°C], Power [kW], Exit [°C]\n" in said
    _, _, said = run("score", new, "--detector", folder, "--out", out)
    assert "as conditions these do not count" in said
    assert pd.read_csv(out).is_anomaly.mean() < 0.15
    lacking = table(tmp_path / "lacking.csv", furnace(60).drop(columns=AMBIENT))
    code, _, said = run("score", lacking, "--detector", folder, "--out", out)
    assert code == 1
    assert f"Got column '{AMBIENT}'" in said


def test_score_and_report_say_what_may_be_a_condition(run, tmp_path):
    train = table(tmp_path / "train.csv", furnace(150)[[AMBIENT, POWER]])
    new = table(tmp_path / "new.csv", furnace(60, seed=1, warmer=15.0))
    folder, out = tmp_path / "detector", tmp_path / "scored.csv"
    run("fit", train, "--all-columns", "--out", folder)
    for command, out in (("score", tmp_path / "scored.csv"), ("report", tmp_path / "report.md")):
        _, _, said = run(command, new, "--detector", folder, "--out", out)
        assert f"--condition-columns '{AMBIENT},{POWER}': then a new condition is not" in said


def test_a_wrong_condition_is_refused_by_the_name_of_the_option(run, tmp_path):
    train = table(tmp_path / "train.csv", furnace(60))
    given = ("--all-columns", "--out", tmp_path / "detector", "--condition-columns", "Ambience")
    code, _, said = run("fit", train, *given)
    assert code == 1
    assert "Pass --condition-columns 'Ambient [°C]'" in said
    given = (*given[:-1], AMBIENT, "--detector", "texts")
    code, _, said = run("fit", train, *given, "--lang", "ja")
    assert code == 1
    assert is_japanese(said)


def trial(path):
    """Return files of normal rows, and of usual ones under other conditions and spoilt ones."""
    rows = furnace(60, seed=1, warmer=8.0), spoilt(furnace(30, seed=2), by=2.5)
    test = pd.concat(rows).assign(failed=np.repeat([0, 1], [60, 30]))
    return table(path / "train.csv", furnace(150)), table(path / "test.csv", test)


@pytest.mark.slow
def test_compare_judges_given_conditions_and_baselines_read_them(run, tmp_path):
    files, out = trial(tmp_path), tmp_path / "found.json"
    found = {}
    for option in ((), ("--condition-columns", "ambient")):
        asked = ("--label-column", "failed", "--out", out, "--resamples", "100")
        code, said, _ = run("compare", *files, *asked, *option)
        assert code == 0
        found[option] = json.loads(out.read_text(encoding="utf-8"))
    figures = [
        {own["name"]: own["figures"]["AUROC"]["value"] for own in one["results"] if cause(own)}
        for one in found.values()
        for cause in (lambda own: own["is_ours"], lambda own: own["view"] == "numbers")
    ]
    plain, baselines, given, same = figures
    assert same == baselines
    assert given["polar-detect columns"] > 0.97
    assert plain["polar-detect columns"] < 0.95
    assert "Ambient [°C]'; the baselines, which know of none" in " ".join(said.split())
    assert "--condition-columns ambient" in found[option]["fit_options"]
    assert "condition" not in found[()]["fit_options"]


def test_compare_fits_and_writes_out_conditions_that_are_not_among_the_columns(tmp_path):
    files = trial(tmp_path)
    for own in ({"columns": "Zone,Power"}, {}):
        task = read_task(*files, Reading("failed", condition_columns=AMBIENT, **own))
        assert task.template.conditions_by_name == [AMBIENT]
        assert AMBIENT in task.columns
    constant = pd.read_csv(files[0]).assign(**{AMBIENT: 12.0})  # which no baseline reads
    task = read_task(
        table(tmp_path / "constant.csv", constant),
        files[1],
        Reading("failed", condition_columns=AMBIENT),
    )
    assert task.template.conditions_by_name == [AMBIENT]
    assert AMBIENT not in task.columns


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"condition_columns": "Ambience"}, "Pass --condition-columns"),
        (
            {"condition_columns": "power", "target": POWER, "kind": "number"},
            "in --condition-columns, which is what",
        ),
        ({"condition_columns": AMBIENT, "text_column": "Shift"}, "for texts that are no rows"),
    ],
)
def test_compare_refuses_what_can_be_no_condition(asked, said, tmp_path):
    with pytest.raises(InputError, match=said):
        read_task(*trial(tmp_path), Reading(**({"target": "failed"} | asked)))


def test_compare_refuses_conditions_beside_a_number_to_predict(run, tmp_path):
    train, _ = trial(tmp_path)
    given = ("compare", train, "--target", POWER, "--condition-columns", AMBIENT)
    code, _, said = run(*given)
    assert code == 2
    assert "no detector judges rows by --target" in " ".join(said.replace("│", " ").split())
    code, _, said = run(*given, "--lang", "ja")
    assert is_japanese(said)
