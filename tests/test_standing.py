"""Normal rows and texts that hang together: later ones are not of their lots and bursts."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector, screen
from polar_detect.artifact.contents import read_contents
from polar_detect.artifact.sealing import sealed
from polar_detect.drift import Company, measure_shifts
from polar_detect.errors import ArtifactError, InputError
from polar_detect.features.table import FeatureTable
from polar_detect.pipeline.fitting import Fitting, Parted, Teaching
from polar_detect.pipeline.settings import Settings
from polar_detect.pipeline.standing import Standing
from polar_detect.pipeline.training import TrainingTexts
from polar_detect.progress import Tracker
from polar_detect.report.content.facts import description
from polar_detect.signature.labelled.likeness import Seen
from polar_detect.signature.leave_one_out import LeaveOneOutReference
from polar_detect.signature.normal.changes import Trajectories, features_without
from polar_detect.signature.normal.row_reference import RowReference
from polar_detect.statistics.dependence import Order

pytestmark = pytest.mark.filterwarnings("ignore::polar_detect.errors.TrainingWarning")
LOT = 25
DAYS = pd.date_range("2026-03-01", periods=12 * LOT)


def rows(n_lots: int, seed: int, *, share: float = 0.6, start: int = 0) -> pd.DataFrame:
    """Return measured parts of lots, of which a share of the variance is the lot's."""
    rng = np.random.default_rng(seed)
    lots = np.repeat(rng.normal(size=(n_lots, 4)), LOT, axis=0)
    own = np.sqrt(share) * lots + np.sqrt(1 - share) * rng.normal(size=lots.shape)
    frame = pd.DataFrame((50 + 2 * own).round(2), columns=[*"abcd"]).add_suffix(" [mm]")
    numbers = start + np.arange(n_lots * LOT)
    frame.insert(0, "lot", [f"L{1000 + number // LOT}" for number in numbers])
    days = pd.Timestamp("2026-03-01") + pd.to_timedelta(numbers, unit="h")
    frame.insert(0, "date", days.strftime("%Y-%m-%d %H:%M"))
    return frame


def fitting_of(detector: PolarDetector) -> Fitting:
    """Return the steps of a fit with the models and the head of another one."""
    own = detector.fitted_
    return Fitting(detector.engine_.extractor, own.head, Tracker(None), own.settings)


def flagged(detector: PolarDetector, frame: pd.DataFrame) -> float:
    return float((detector.predict(frame) == -1).mean())


@pytest.mark.slow
def test_rows_of_new_lots_are_flagged_as_often_as_promised() -> None:
    shares, unaware = [], []
    for seed in range(5):
        normal, later = rows(12, seed), rows(12, 100 + seed, start=12 * LOT)
        shares.append(flagged(PolarDetector().fit(normal), later))
        unaware.append(flagged(PolarDetector().fit(normal, groups=None), later))
    assert 0.015 < np.mean(shares) < 0.08
    assert np.mean(unaware) > 0.13  # control


@pytest.mark.slow
def test_a_batch_of_one_new_lot_does_not_differ_but_one_that_is_off_does() -> None:
    verdicts: list[list[bool]] = []
    for seed in range(4):
        detector = PolarDetector().fit(rows(12, seed))
        unaware = PolarDetector().fit(rows(12, seed), groups=None)
        lots = [rows(1, 200 + 10 * seed + i, start=12 * LOT) for i in range(5)]
        off = rows(6, 300 + seed, start=12 * LOT)
        off["a [mm]"] += 30
        verdicts += [
            [
                own.fitted_.drift_of(-own.score_samples(lot)).is_drifted
                for own in (detector, unaware)
            ]
            for lot in lots
        ]
        assert detector.fitted_.drift_of(-detector.score_samples(off)).is_drifted
    aware, plain = np.mean(verdicts, axis=0)
    assert aware <= 1 / 20
    assert plain > 0.2  # control


def test_features_of_a_new_lot_have_not_moved() -> None:
    detector = PolarDetector().fit(rows(12, 0))
    own, companies = detector.fitted_, (detector.fitted_.company, Company())

    def moved(frame: pd.DataFrame) -> list[list[str]]:
        batch = detector.explain(frame)
        table = FeatureTable(batch.data, batch.features)
        found = (measure_shifts(own.statistics, table, company)[1] for company in companies)
        return [[s.feature.name for s in shifts if s.is_moved] for shifts in found]

    lots = [moved(rows(1, 400 + seed, start=12 * LOT)) for seed in range(20)]
    assert sum(bool(aware) for aware, _ in lots) <= 3
    assert sum(bool(plain) for _, plain in lots) > 15  # control
    off = rows(6, 500, start=12 * LOT)
    aware, _ = moved(off.assign(**{"a [mm]": off["a [mm]"] + 20}))
    assert "column/a [mm]/value" in aware


@pytest.mark.parametrize(
    ("frame", "reaches"),
    [
        (rows(12, 0), True),
        (rows(12, 0)[::-1], True),  # as many exports begin with the last row
        (rows(12, 0).drop(columns="lot"), True),
        (rows(12, 0).set_index(DAYS).drop(columns=["date", "lot"]), True),
        (rows(12, 0).drop(columns=["date", "lot"]), False),
        (rows(12, 0).drop(columns=["date", "lot"]).set_index(pd.Index([*DAYS[:150]] * 2)), False),
        (rows(12, 0).sample(frac=1, random_state=0), False),
        (rows(12, 0, share=0), False),
    ],
    ids=[
        "in time",
        "last first",
        "dates alone",
        "dates as names",
        "no dates",
        "days that come again",
        "shuffled",
        "no lots",
    ],
)
def test_rows_hang_together_where_dates_say_that_they_are_in_the_order_of_time(
    frame: pd.DataFrame, reaches: bool
) -> None:
    reach = PolarDetector().fit(frame).fitted_.company.reach
    assert (0.6 * LOT < reach < 1.3 * LOT) if reaches else reach == 0


@pytest.mark.parametrize("dated", [True, False])
def test_labelled_rows_behind_the_normal_ones_do_not_hide_their_order(dated: bool) -> None:
    strange = rows(2, 1).assign(**{"a [mm]": 90.0})  # of the same days as the first lots
    frame, days = pd.concat([rows(12, 0), strange]), [*DAYS, *DAYS[: 2 * LOT]]
    if not dated:
        frame = frame.drop(columns=["date", "lot"]).set_index(pd.Index(days))
    labels = np.repeat([0, 1], [12 * LOT, 2 * LOT])
    assert 0.6 * LOT < PolarDetector().fit(frame, labels).fitted_.company.reach < 1.3 * LOT


def test_what_the_user_says_of_the_order_counts_more_than_dates() -> None:
    frame = rows(12, 0)
    assert PolarDetector().fit(frame, groups=None).fitted_.company == Company()
    bare = frame.drop(columns=["date", "lot"])
    assert PolarDetector().fit(bare, groups="time").fitted_.company.reach > 0


@pytest.mark.slow
def test_rows_that_are_screened_meet_those_of_their_lot() -> None:
    frame = rows(12, 0)
    bare = frame.drop(columns=["date", "lot"])
    assert screen(frame).scores == pytest.approx(screen(bare).scores)


def test_texts_are_not_held_against_those_near_them_in_time(fitted_on_tiny: PolarDetector) -> None:
    """Twins that stand side by side would each be the other's nearest text."""
    fitting = fitting_of(fitted_on_tiny)
    texts = [f"pump {i // 2} {'on' if i % 2 else 'off'} at {i // 2} bar" for i in range(80)]
    train, held_out = (fitting.read("texts", texts[i::2]) for i in range(2))
    reference = fitting.reference(train).widened(held_out)
    places = np.r_[np.arange(0, 80, 2), np.arange(1, 80, 2)]

    def similarity(reach: int) -> list[Any]:
        teaching = Teaching(fitting, train, reference, None, order=Order(places, reach))
        tables = teaching.signatures().normal, teaching.held_out(held_out)
        return [own.values[:, own.names.index("neighbours/similarity_mean")] for own in tables]

    both = np.vstack([train.embeddings, held_out.embeddings])
    cosines = both @ both.T
    for reach in (0, 1, 5):
        is_far = np.abs(places[:, None] - places) > reach
        nearest = np.sort(np.where(is_far, cosines, -1), axis=1)[:, -5:].mean(1)
        found = np.concatenate(similarity(reach))
        np.testing.assert_allclose(found, nearest, atol=1e-5)


def test_held_out_texts_that_have_not_joined_do_not_meet_those_near_them_either(
    fitted_on_tiny: PolarDetector,
) -> None:
    fitting = fitting_of(fitted_on_tiny)
    texts = [f"pump {i // 2} {'on' if i % 2 else 'off'} at {i // 2} bar" for i in range(80)]
    train, held_out = (fitting.read("texts", texts[i::2]) for i in range(2))
    reference, places = fitting.reference(train), np.r_[np.arange(0, 80, 2), np.arange(1, 80, 2)]
    cosines = held_out.embeddings @ train.embeddings.T
    for reach in (0, 5):
        order = Order(places, reach)
        table = Teaching(fitting, train, reference, None, order=order).held_out(held_out)
        is_far = np.abs(places[40:, None] - places[:40]) > reach
        nearest = np.sort(np.where(is_far, cosines, -1), axis=1)[:, -5:].mean(1)
        found = table.values[:, table.names.index("neighbours/similarity_mean")]
        np.testing.assert_allclose(found, nearest, atol=1e-5)
        among = LeaveOneOutReference(train, reference, np.arange(40), order.rows(np.arange(40)))
        drawn = np.array([0, 17, 39])
        np.testing.assert_array_equal(among.left_out(drawn), order.near(drawn)[:, :40])


@pytest.mark.slow
def test_methods_are_compared_on_rows_that_meet_those_of_their_lot(
    run: Any, save: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = rows(6, 0).assign(label=np.arange(6 * LOT) % 10 == 0)
    fit, asked = PolarDetector.fit, []

    def told(self: PolarDetector, *given: Any, **options: Any) -> PolarDetector:
        asked.append(options["groups"])
        return fit(self, *given, **options)

    monkeypatch.setattr(PolarDetector, "fit", told)
    code, _, error = run("compare", save(frame.to_csv(index=False)), "--label-column", "label")
    assert not code, error
    assert {*asked} == {None}


@pytest.mark.slow
def test_what_a_lot_alone_says_is_rare_to_its_rows_which_do_not_count_one_another() -> None:
    frame = (
        rows(12, 0).drop(columns=["date", "lot"]).assign(program=np.repeat([*"abcdefghijkl"], LOT))
    )
    reference = PolarDetector("columns").fit(pd.concat([frame, frame[:1]])).fitted_.row_reference
    lots = Order(np.arange(301) // LOT, by="lot")
    for order in (Order(np.arange(301), LOT), lots):
        _check_surprise(reference, order)


def _check_surprise(reference: RowReference, order: Order) -> None:
    """Check rows of a lot each, of which the last is a copy of the first."""
    orders = Order.unknown(301), order

    def surprise(table: FeatureTable) -> Any:
        return table.values[:, table.names.index("column/program/level")]

    inside = [reference.training_features([], order, seed=0).normal for order in orders]
    alone, near = map(surprise, inside)
    assert (near[:300] > alone[:300] + 0.5).all()
    assert near[0] == pytest.approx(near[1], abs=0.2)  # its copy of another time counts
    new = [reference.as_new(own, order, seed=0) for own, order in zip(inside, orders, strict=True)]
    alone, near = map(surprise, new)
    assert near[0] > alone[0] + 0.5
    assert near[300] < alone[300] + 0.1  # its copy, at another time


def test_the_parts_of_normal_texts_know_where_they_stood() -> None:
    texts = [str(i) for i in range(60)]
    parts = Parted.at_random(texts, seed=3, standing=Standing(is_in_time=True))
    assert [texts[i] for i in parts.places] == parts.train + parts.held_out
    points = np.repeat(np.eye(6), 10, axis=0)  # six lots of ten
    assert parts.order_by(points[parts.places].astype(np.float32)).reach == 6
    assert Parted.at_random(texts, seed=3).order_by(points.astype(np.float32)).reach == 0
    lots = Standing.given(np.arange(60) // 10, 60)
    parts = Parted.at_random(texts, seed=3, standing=lots)
    own = parts.order_by(np.zeros((60, 2), np.float32)).places
    assert own.tolist() == [int(text) // 10 for text in parts.train + parts.held_out]


def test_rows_that_models_read_are_alike_as_far_as_their_numbers_are() -> None:
    frame = rows(12, 0).drop(columns=["date", "lot"])
    numbers = PolarDetector("columns").fit(frame).fitted_.row_reference.numbers
    assert numbers is not None
    texts = numbers.template.texts(frame)
    parts = Parted.at_random(texts, seed=0, standing=Standing(is_in_time=True))
    embeddings = np.random.default_rng(0).normal(size=(len(texts), 8)).astype(np.float32)
    assert parts.order_by(embeddings).reach == 0
    assert 0.6 * LOT < parts.order_by(embeddings, numbers).reach < 1.3 * LOT


@pytest.mark.slow
def test_of_many_rows_those_that_teach_stand_with_gaps_between_them() -> None:
    company = PolarDetector().fit(rows(60, 0)).fitted_.company  # 1,000 of 1,500 teach
    assert 0.6 * LOT < company.reach < 1.3 * LOT
    assert company.n_held_out_near == pytest.approx(2 * company.reach * 1_000 / 1_500, rel=0.05)


def test_an_artifact_keeps_how_rows_hang_together(tmp_path: Any) -> None:
    detector = PolarDetector().fit(rows(12, 0))
    detector.save(tmp_path / "own")
    loaded = PolarDetector.load(tmp_path / "own")
    assert loaded.fitted_.company == detector.fitted_.company
    lot = rows(1, 9, start=12 * LOT)
    drifts = [own.fitted_.drift_of(-own.score_samples(lot)) for own in (detector, loaded)]
    assert drifts[0] == drifts[1]
    np.testing.assert_array_equal(
        loaded.fitted_.statistics.correlations, detector.fitted_.statistics.correlations
    )
    assert loaded.fitted_.statistics.correlations.max() > 0.1
    reach = detector.fitted_.company.reach
    assert any(f"less than {reach + 1} apart" in value for _, value in description(loaded, "en"))
    assert any(f"{reach + 1}件未満" in value for _, value in description(loaded, "ja"))
    said = dict(read_contents(tmp_path / "own").facts)
    assert said["Alike in time"] == f"less than {reach + 1} apart"


@pytest.mark.parametrize(
    "company",
    [
        {"reach": 0},
        {"score_correlation": 2},
        {"n_held_out_near": -1},
        {"reach": "3"},
        {"by": 3},
        {"n_near": -1},
    ],
)
def test_an_artifact_that_says_how_rows_hang_together_as_they_cannot_is_refused(
    company: dict[str, Any], tmp_path: Any
) -> None:
    PolarDetector().fit(rows(12, 0)).save(tmp_path / "own")
    path = tmp_path / "own" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["company"] |= company
    path.write_bytes(sealed(manifest))
    (name,) = company
    with pytest.raises(ArtifactError, match=f"company/{name}"):
        PolarDetector.load(tmp_path / "own")


def test_fit_asks_the_dates_of_a_table_though_models_do_not_read_them(
    run: Any, save: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = pd.Series([f"pump {i} was seen to leak" for i in range(4 * LOT)], name="note")
    frame = pd.concat([rows(4, 0), notes], axis=1)
    asked: list[Any] = []

    def fit(*_: Any, groups: Standing | None, **__: Any) -> None:
        asked.append(groups is not None and groups.is_in_time)
        raise KeyboardInterrupt

    monkeypatch.setattr(PolarDetector, "fit", fit)
    for own in (frame, frame.drop(columns="date"), frame.sample(frac=1, random_state=0)):
        path = save(own.to_csv(index=False), "rows.csv")
        run("fit", path, "--all-columns", "--out", tmp_path / "out")
    run("fit", save(frame.to_csv(index=False)), "--text-column", "note", "--out", tmp_path / "out")
    assert asked == [True, False, False, False]
    labelled = pd.concat([frame.assign(bad=0), frame[: 2 * LOT].assign(bad=1)])
    path = save(labelled.to_csv(index=False), "rows.csv")
    run("fit", path, "--all-columns", "--label-column", "bad", "--out", tmp_path / "out")
    assert asked[4:] == [True]


def by_lot(frame: pd.DataFrame) -> Company:
    return PolarDetector("columns").fit(frame).fitted_.company


@pytest.mark.slow
@pytest.mark.parametrize("mixed", [False, True])
def test_rows_of_new_lots_are_flagged_as_often_as_promised_without_dates(mixed: bool) -> None:
    shares, unaware = [], []
    for seed in range(5):
        normal, later = (
            own.drop(columns="date")
            for own in (rows(12, seed), rows(12, 100 + seed, start=12 * LOT))
        )
        if mixed:
            normal = normal.sample(frac=1, random_state=seed)
        detector = PolarDetector().fit(normal)
        assert detector.fitted_.company.by == "lot"
        shares.append(flagged(detector, later))
        unaware.append(flagged(PolarDetector().fit(normal, groups=None), later))
        assert not any(
            detector.fitted_.drift_of(-detector.score_samples(lot)).is_drifted
            for lot in (later[i * LOT : (i + 1) * LOT] for i in range(12))
        )
    assert 0.015 < np.mean(shares) < 0.08
    assert np.mean(unaware) > 0.13  # control


def test_lots_count_where_their_rows_are_alike_and_there_are_five() -> None:
    frame = rows(12, 0).drop(columns="date")
    assert by_lot(frame) == Company(0, "lot", 24.0, 24.0, by_lot(frame).score_correlation)
    assert by_lot(frame).score_correlation > 0.05
    assert by_lot(rows(12, 0, share=0).drop(columns="date")) == Company()
    assert by_lot(rows(4, 0).drop(columns="date")) == Company()
    assert by_lot(rows(5, 0).drop(columns="date")).by == "lot"
    assert by_lot(frame.rename(columns={"lot": "sample"})) == Company()  # each may come again


def test_what_a_table_tells_is_told_by_its_normal_rows_and_of_all() -> None:
    frame = rows(12, 0)
    is_normal = np.arange(12 * LOT) % 9 != 4
    frame.loc[~is_normal, ["date", "lot"]] = ["2020-01-01 00:00", "rework"]
    found = Standing.found_in(frame, which=is_normal)
    assert found.is_in_time
    assert len(found.lots["lot"]) == len(frame)
    assert not Standing.found_in(frame).is_in_time  # control
    kept = found.rows(np.flatnonzero(is_normal)).lots["lot"]
    same = np.asarray(frame["lot"])[is_normal]
    assert ((kept[:, None] == kept) == (same[:, None] == same)).all()


def test_lots_that_return_in_time_are_kinds() -> None:
    frame = rows(12, 0).drop(columns="lot")
    order = np.argsort(np.arange(12 * LOT) % LOT, kind="stable")  # one of each lot after another
    mixed = frame.iloc[order].assign(date=frame["date"].to_numpy())
    mixed["lot"] = [f"B{i % 12}" for i in range(12 * LOT)]
    assert by_lot(mixed) == Company()
    assert by_lot(mixed.drop(columns="date")).by == "lot"  # control
    assert [*Standing.found_in(mixed).lots] == []
    assert [*Standing.found_in(mixed.drop(columns="date")).lots] == ["lot"]


def test_lots_may_stand_in_the_first_of_their_rows_only() -> None:
    frame = rows(12, 0).drop(columns="date")
    once = frame.assign(lot=["" if i % LOT else own for i, own in enumerate(frame["lot"])])
    assert by_lot(once) == by_lot(frame)
    gaps = frame.assign(lot=["" if i % 5 == 2 else own for i, own in enumerate(frame["lot"])])
    assert by_lot(gaps).n_near == pytest.approx(0.8 * 19)  # rows of no lot stand by themselves


def test_of_two_columns_of_lots_that_counts_whose_rows_are_more_alike() -> None:
    frame = rows(12, 0).drop(columns="date")
    for name in ("a batch", "z batch"):
        halves = frame.assign(**{name: [f"B{i // 50}" for i in range(12 * LOT)]})
        assert by_lot(halves).by == by_lot(halves[[name, *frame]]).by == "lot"
        assert by_lot(halves.rename(columns={"lot": "m lot"})).by == "m lot"


def test_dates_in_order_count_before_lots_but_not_before_what_the_user_says() -> None:
    frame = rows(12, 0)
    assert PolarDetector().fit(frame).fitted_.company.by == ""
    fives = np.arange(12 * LOT) // 5
    given = PolarDetector().fit(frame, groups=fives).fitted_.company
    assert (given.by, given.reach, given.n_near) == ("groups", 0, 4.0)
    unlike = PolarDetector().fit(rows(12, 0, share=0), groups=fives).fitted_.company
    assert unlike.by == "groups"
    named = PolarDetector().fit(frame, groups=pd.Series(fives, name="shift")).fitted_.company
    assert named.by == "shift"
    by_column = PolarDetector("columns")
    predicted = by_column.fit_predict(frame.drop(columns="date"), groups=frame["lot"])
    assert predicted.shape == (12 * LOT,)
    assert by_column.fitted_.company == by_lot(frame.drop(columns="date"))


def test_groups_are_of_the_normal_texts_that_are_not_empty() -> None:
    texts = [f"pump {i}" if i % 7 else " " for i in range(80)]
    labels, groups = np.arange(80) % 11 == 4, np.arange(80) // 5
    given = TrainingTexts.of(texts, labels, Settings.of(PolarDetector()), groups=groups)
    own = given.by_label(None)
    kept = [i for i in range(80) if i % 7 and i % 11 != 4]
    assert own.normal == [texts[i] for i in kept]
    assert [*own.anomalous.texts] == [texts[i] for i in range(80) if i % 7 and i % 11 == 4]
    same = groups[kept][:, None] == groups[kept]
    own = own.standing.lots["groups"]
    assert ((own[:, None] == own) == same).all()


def test_lots_that_a_table_tells_are_of_the_normal_rows() -> None:
    frame = rows(12, 0).drop(columns="date")
    strange = frame[::LOT].assign(**{"a [mm]": 90.0})
    everything = pd.concat([strange, frame])
    labels = np.arange(len(everything)) < 12
    found = Standing.found_in(everything, which=~labels)
    fitted = PolarDetector("columns").fit(everything, labels, groups=found).fitted_
    assert (fitted.company.by, fitted.company.n_near) == ("lot", 24.0)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([1, 2], r"groups of shape \(2,\) for 300 texts"),
        (np.zeros((300, 2)), r"groups of shape \(300, 2\) for 300"),
        (["a"] * 300, "'groups' that says the same of all normal texts"),
        ("lot", "groups 'lot'; expected 'auto'"),
        (7, r"groups of shape \(\) for 300"),
        ([["a"], ["a", "b"]], "groups of several values"),
    ],
)
def test_groups_that_are_none_are_refused(groups: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"Got {said}"):
        PolarDetector("columns").fit(rows(12, 0), groups=groups)


def test_a_name_of_lots_with_a_break_is_told_on_one_line(tmp_path: Any) -> None:
    own = rows(12, 0).drop(columns="date").rename(columns={"lot": "lot\nno."})
    PolarDetector().fit(own).save(tmp_path / "own")
    assert dict(read_contents(tmp_path / "own").facts)["Alike by lot"] == "lot no."


@pytest.mark.parametrize("name", [None, "", 0])
def test_groups_of_any_name_are_kept_with_one(tmp_path: Any, name: Any) -> None:
    groups = pd.Series(np.arange(300) // 25, name=name)
    detector = PolarDetector("columns").fit(rows(12, 0), groups=groups)
    detector.save(tmp_path / "own")
    company = PolarDetector.load(tmp_path / "own").fitted_.company
    assert company == detector.fitted_.company
    assert company.n_near == 24
    assert company.by == {None: "groups", "": "groups", 0: "0"}[name]


def test_an_artifact_keeps_which_lots_hang_together(tmp_path: Any) -> None:
    detector = PolarDetector().fit(rows(12, 0).drop(columns="date"))
    detector.save(tmp_path / "own")
    loaded = PolarDetector.load(tmp_path / "own")
    assert loaded.fitted_.company == detector.fitted_.company
    assert loaded.fitted_.statistics.correlations.max() > 0.1
    for tongue in ("en", "ja"):
        assert any("lot" in value for _, value in description(loaded, tongue))
    assert dict(read_contents(tmp_path / "own").facts)["Alike by lot"] == "lot"


def test_whole_lots_are_left_out_of_what_texts_are_held_against(
    fitted_on_tiny: PolarDetector,
) -> None:
    fitting = fitting_of(fitted_on_tiny)
    texts = [f"pump {i} {'on' if i % 2 else 'off'} at {i // 8} bar" for i in range(80)]
    train, held_out = fitting.read("texts", texts[:60]), fitting.read("texts", texts[60:])
    reference = fitting.reference(train)
    lots = np.random.default_rng(0).permutation(80) % 8
    order = Order(lots, by="lot")
    table = Teaching(fitting, train, reference, None, order=order).held_out(held_out)
    name = next(n for n in table.names if n.startswith("change"))
    found = table.values[:, table.names.index(name)]
    folds = Teaching(fitting, train, reference, None, order=order)._folds
    assert all(len({*folds[lots == lot]}) == 1 for lot in range(8))
    assert sorted(np.bincount(folds[[np.argmax(lots == lot) for lot in range(8)]])) == [2] * 4
    both = map(Trajectories.of, (train, held_out))
    far = features_without(next(both), folds[:60], next(both), folds[60:])
    np.testing.assert_allclose(found, far.values[:, far.names.index(name)], rtol=1e-5)
    plain = reference.distances(held_out)
    assert not np.allclose(found, plain.values[:, plain.names.index(name)], rtol=1e-3)  # control


def test_what_labels_teach_of_held_out_texts_does_not_depend_on_their_lots(
    fitted_on_tiny: PolarDetector,
) -> None:
    fitting = fitting_of(fitted_on_tiny)
    texts = [f"pump {i} {'on' if i % 2 else 'off'} at {i // 8} bar" for i in range(80)]
    train, held_out = fitting.read("texts", texts[:60]), fitting.read("texts", texts[60:])
    labelled = fitting.read("texts", [f"valve {i} leaks oil" for i in range(6)])
    reference = fitting.reference(train, labelled)
    assert reference.likeness is not None
    taught = reference.likeness.features(Seen.of(held_out))
    assert taught.names
    for order in (Order.unknown(80), Order(np.arange(80) % 8, by="lot")):
        table = Teaching(fitting, train, reference, None, labelled, order).held_out(held_out)
        np.testing.assert_array_equal(table.chosen(taught.features).values, taught.values)


def test_fit_leaves_out_the_column_of_groups_and_holds_none_against_its_own(
    run: Any, save: Any, tmp_path: Any
) -> None:
    frame = rows(12, 0).drop(columns="date").rename(columns={"lot": "heat"})
    path, out = save(frame.to_csv(index=False)), tmp_path / "out"
    code, _, said = run("fit", path, "--all-columns", "--group-column", "Heat", "--out", out)
    assert not code
    assert "'Heat'" in said  # which is no name of the table
    assert "rows that say the same in “heat” are alike" in said
    loaded = PolarDetector.load(out)
    assert loaded.fitted_.company.by == "heat"
    assert loaded.rows_ is not None
    assert loaded.rows_.names == ["a [mm]", "b [mm]", "c [mm]", "d [mm]"]
    code, _, said = run("fit", path, "--all-columns", "--group-column", "furnace", "--out", out)
    assert code == 1
    assert "Pass --group-column with one of them" in said
    lines = save("one\ntwo\n" * 30, "lines.txt")
    code, _, said = run("fit", lines, "--group-column", "heat", "--out", tmp_path / "other")
    assert code == 1
    assert "Got --group-column 'heat' for" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tongue", "said"),
    [
        ("en", "“heat” says in 50 of 50 rows what no"),
        ("ja", "50行のうち50行で「heat」が正常な行に"),
    ],
)
def test_score_and_report_say_which_column_makes_all_rows_strange(
    tongue: str, said: str, run: Any, save: Any, tmp_path: Any
) -> None:
    frame = rows(14, 0).drop(columns="date").rename(columns={"lot": "heat"})
    path, out = save(frame[: 12 * LOT].to_csv(index=False)), tmp_path / "out"
    assert run("fit", path, "--all-columns", "--out", out)[0] == 0
    later, same = (
        save(own.to_csv(index=False), f"{len(own)}.csv") for own in (frame[12 * LOT :], frame[:49])
    )
    for command, name in (("score", "scored.csv"), ("report", "report.html")):
        for own, is_said in ((later, True), (same, False)):
            given = (own, "--detector", out, "--out", tmp_path / name, "--lang", tongue)
            code, _, error = run(command, *given)
            assert code == 0
            assert (said in error) == is_said
            assert ("--group-column heat" in error) == is_said
