"""Sets that nobody has looked through: what is unlike the others, and what is said of it."""

from collections import Counter
from itertools import chain

import numpy as np
import openpyxl
import pandas as pd
import pytest

from polar_detect import PolarDetector, screen
from polar_detect.artifact.reading import stored_origin
from polar_detect.errors import InputError, TrainingWarning
from polar_detect.memory import with_memory
from polar_detect.screening import MIN_TEXTS, Screening
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.tables import result_columns

N_ROWS, ODD = 120, (7, 40, 99)
JOBS = ("pump", "valve", "motor", "filter", "hose", "seal")
TEXTS = [
    f"{JOBS[i % 6]} {i % 17} was {('checked', 'replaced', 'cleaned')[i % 3]}" for i in range(80)
]


def parts(odd=ODD):
    """Return parts whose weight goes with their size, but for some rows."""
    rng = np.random.default_rng(0)
    size = rng.normal(20, 2, N_ROWS).round(2)
    weight = (3 * size + rng.normal(0, 0.1, N_ROWS)).round(2)
    weight[[*odd]] += 5
    kind = rng.choice(["P1", "P2"], N_ROWS)
    return pd.DataFrame({"kind": kind, "size [mm]": size, "weight [g]": weight})


@pytest.fixture(scope="module")
def screened():
    return screen(parts().set_axis(range(100, 100 + N_ROWS)), share=0.025)


def test_rows_unlike_the_others_are_flagged_and_their_reasons_name_the_column(screened):
    assert np.flatnonzero(screened.is_anomaly).tolist() == [*ODD]
    assert all("“weight [g]”" in screened.reasons()[i] for i in ODD)
    frame = screened.to_frame()
    assert [*frame.columns] == [
        "score", "p_value", "is_anomaly", "reasons", "top_columns", "repeat_of",
        "unusual_digits", "likely_mistake", "flat_run",
    ]  # fmt: skip
    assert not any(frame["repeat_of"])
    assert frame.index[frame["is_anomaly"]].tolist() == [100 + i for i in ODD]


def test_a_screening_says_which_numbers_are_high():
    rng = np.random.default_rng(0)
    size = np.append(rng.normal(20, 1, 79), 40)
    rows = pd.DataFrame({"size": size, "weight": 3 * size + rng.normal(0, 0.1, 80)}).round(1)
    reasons = screen(rows).reasons()[79]  # both go together as in the others
    assert "high “size”" in reasons
    assert "high “weight”" in reasons


def test_p_values_are_ranks_and_parts_add_up(screened):
    as_high = screened.scores[None, :] >= screened.scores[:, None]
    assert screened.p_values == pytest.approx(as_high.mean(1))
    own = screened.explanation
    assert own.base_value + own.values.sum(1) == pytest.approx(screened.scores)


def test_each_row_is_scored_by_a_fit_on_others(monkeypatch, screened):
    frame, fitted_on = parts(), []
    fit = PolarDetector.fit

    def noting(self, X, *given, **settings):
        fitted_on.append([*X])
        return fit(self, X, *given, **settings)

    monkeypatch.setattr(PolarDetector, "fit", noting)
    assert screen(frame, share=0.025).scores.tobytes() == screened.scores.tobytes()
    assert [len(own) for own in fitted_on] == [96] * 5
    monkeypatch.undo()
    counts = Counter(chain.from_iterable(fitted_on))
    n_rows = Counter(PolarDetector().fit(frame).rows_.texts(frame))
    assert counts == {text: 4 * n for text, n in n_rows.items()}


@pytest.mark.slow
def test_what_is_said_again_and_again_is_usual():
    heavy = pd.DataFrame({"kind": ["P1"], "size [mm]": [20.0], "weight [g]": [99.0]})
    once, often = (screen(pd.concat([heavy] * n + [parts()])).scores[:n] for n in (1, 40))
    assert len({*often.tolist()}) == 1  # equal rows have equal scores
    assert often[0] < once[0] / 3


def test_a_few_rows_that_all_have_copies_are_screened():
    found = screen(pd.concat([parts().iloc[:3]] * 20))
    assert len({*found.scores.tolist()}) <= 3
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize(("share", "n"), [(0.0, 0), (0.07, 8), (0.5, 60), (1.0, 120)])
def test_so_many_are_flagged_as_are_asked_for(share, n):
    assert screen(parts(), share=share).is_anomaly.sum() == n


@pytest.mark.slow
def test_the_detector_that_says_how_stays_as_it_is():
    scores = {}
    for contamination in (0.0, 0.1):
        own = PolarDetector("columns", contamination=contamination)
        before = own.get_params()
        scores[contamination] = screen(parts(), own).scores.tolist()
        assert own.get_params() == before
        assert not hasattr(own, "fitted_")
    assert screen(parts(), share=0.3).scores.tolist() == scores[0.1] != scores[0.0]


@pytest.mark.parametrize(("share", "contamination"), [(0.05, 0.05), (0.1, 0.1), (0.3, 0.1)])
def test_as_many_are_passed_over_as_are_flagged_but_no_more_than_a_tenth(share, contamination):
    assert Screening.of(parts(), share=share).detector.contamination == contamination


@pytest.mark.slow
def test_strangers_that_are_alike_do_not_hide_one_another(tiny_pair):
    alike = [f"{i} kx7 zq{i} vv kx7 zq" for i in range(4)]
    texts = [*TEXTS, *alike]
    hidden, found = (
        screen(texts, PolarDetector(**tiny_pair, contamination=own)).scores[-4:]
        for own in (0.0, 0.06)
    )
    assert found.min() > hidden.min()


@pytest.mark.parametrize(
    ("X", "settings", "said"),
    [
        (
            TEXTS[: MIN_TEXTS - 1],
            {},
            "Got 49 texts or rows that are not empty; expected at least 50",
        ),
        (["", *TEXTS[: MIN_TEXTS - 1]], {}, "Got 49 texts or rows"),
        (TEXTS, {"share": 1.5}, "Got share 1.5; expected a number from 0 to 1"),
        (TEXTS, {"max_texts": 49}, "Got max_texts 49; expected a whole number from 50"),
        (
            TEXTS,
            {"detector": PolarDetector("lightgbm")},
            "Got detector lightgbm; expected one whose",
        ),
        (TEXTS, {"detector": PolarDetector("classifier")}, "Got detector classifier; expected one"),
        (TEXTS, {"detector": PolarDetector("columns")}, "Got texts for the detector columns"),
    ],
)
def test_what_cannot_be_screened_is_told(X, settings, said):
    with pytest.raises(InputError, match=said):
        screen(X, **settings)


def test_doubts_are_told_once():
    frame = parts().assign(note=[f"see {word}" for word in map(chr, range(500, 500 + N_ROWS))])
    with pytest.warns(TrainingWarning, match="do not count: 'note'") as told:
        screen(frame, PolarDetector("columns"))
    assert len(told) == 1


# With models


@pytest.mark.slow
def test_models_read_each_text_once_and_scores_are_those_of_fits_that_read_anew(
    monkeypatch, tiny_pair
):
    texts, read = [*TEXTS, "", TEXTS[0]], []
    trace = Tracer.trace

    def noting(self, texts):
        read.extend(texts)
        return trace(self, texts)

    monkeypatch.setattr(Tracer, "trace", noting)
    found = screen(texts, PolarDetector(**tiny_pair))
    assert len([text for text in read if text]) == len({*TEXTS})
    assert np.flatnonzero(np.isnan(found.scores)).tolist() == [len(TEXTS)]  # the empty one
    assert (found.is_anomaly.sum(), found.is_anomaly[len(TEXTS)]) == (4, False)
    assert found.scores[-1] == found.scores[0]
    assert [name for name in found.to_frame() if "program" in name] == []
    assert len(found.explanation.top_layers()) == len(texts)
    monkeypatch.setattr("polar_detect.memory.RememberingExtractor.read", Extractor.read)
    anew = screen(texts, PolarDetector(**tiny_pair))
    assert anew.scores.tobytes() == found.scores.tobytes()
    assert len(read) > 3 * len({*TEXTS})


@pytest.mark.slow
def test_more_texts_than_asked_for_are_held_against_a_sample(monkeypatch, tiny_pair):
    lengths, fit = [], PolarDetector.fit

    def noting(self, X, *given, **settings):
        lengths.append(len(X))
        return fit(self, X, *given, **settings)

    monkeypatch.setattr(PolarDetector, "fit", noting)
    found = screen(TEXTS, PolarDetector(**tiny_pair), max_texts=60)
    assert sum(lengths) == 4 * 60
    assert np.isfinite(found.scores).all()


def test_what_is_remembered_is_what_would_be_read(tiny_pair):
    detector = PolarDetector(**tiny_pair)
    memory = with_memory(detector, TEXTS, remembered=TEXTS[:40])
    extractor = detector.engine_.extractor
    extractor.read(TEXTS[:25])
    extractor.read(TEXTS[20:50])
    assert memory.saved_s > 0
    assert extractor._key(TEXTS[39]) in memory
    assert extractor._key(TEXTS[40]) not in memory  # not worth it
    mixed = [*TEXTS[60:20:-3], *TEXTS[:5]]
    own, anew = extractor.read(mixed), Extractor(extractor.tracer, extractor.encoder).read(mixed)
    assert own.texts == anew.texts
    assert own.embeddings.tobytes() == anew.embeddings.tobytes()
    assert own.traces.full_losses == anew.traces.full_losses


# Command line


@pytest.fixture
def workbook(tmp_path):
    path = tmp_path / "parts.xlsx"
    parts().to_excel(path, index=False)
    return path


def test_a_workbook_is_screened_corrected_and_fitted_on(run, workbook, tmp_path):
    out, folder = tmp_path / "screened.xlsx", tmp_path / "detector"
    asked = ("--all-columns", "--share", "0.05")
    code, shown, told = run("screen", workbook, *asked, "--out", out)
    assert (code, shown.splitlines()[-1]) == (0, str(out))
    assert [line.split()[0] for line in shown.splitlines()[1:4] if line[:1].isdigit()]
    assert "120 rows, each held against the others; flagged as the most unlike: 6 (5 %" in told
    assert "the rows hold nothing but numbers and words that repeat" in told
    frame = pd.read_excel(out, engine="calamine")
    assert [*frame.columns[:3]] == ["kind", "size [mm]", "weight [g]"]
    assert result_columns(frame.columns) == [
        "score", "p_value", "is_anomaly", "reasons", "top_columns", "repeat_of",
        "unusual_digits", "likely_mistake", "flat_run",
    ]  # fmt: skip
    assert {*ODD} < {*np.flatnonzero(frame["is_anomaly"])}
    summary = [[c.value for c in row] for row in openpyxl.load_workbook(out)["summary"]]
    assert ["Flagged rows", 6] in summary
    assert ["Share of the rows to flag, the strangest first", 0.05] in summary
    assert not [row for row in summary if "by chance" in str(row[0])]
    # As the last line asks for: what is fine is corrected, and the file is fitted on.
    frame.loc[[i for i in range(N_ROWS) if i not in ODD], "is_anomaly"] = False
    frame.to_excel(out, index=False)
    assert "--label-column is_anomaly --out DIR --all-columns" in told
    code, _, told = run(
        "fit", out, "--label-column", "is_anomaly", "--out", folder, "--all-columns"
    )
    assert code == 0, told
    assert stored_origin(folder).template.names == ["kind", "size [mm]", "weight [g]"]


@pytest.mark.slow
def test_all_rows_are_written_where_they_are_held_against_a_sample(run, workbook, tmp_path):
    out = tmp_path / "screened.csv"
    code, _, told = run("screen", workbook, "--all-columns", "--max-texts", 50, "--out", out)
    assert (code, "120 rows, each held against the others" in told) == (0, True)
    scores = pd.read_csv(out)["score"]
    assert scores.to_numpy() == pytest.approx(screen(parts(), max_texts=50).scores, abs=1e-6)


def test_a_screening_speaks_japanese(run, workbook, tmp_path):
    out = tmp_path / "screened.csv"
    code, shown, told = run("screen", workbook, "--all-columns", "--out", out, "--lang", "ja")
    assert code == 0
    assert "他の行と比較し、最も違う6行を要確認としました" in told
    assert "スコア" in shown
    assert "「weight [g]」" in out.read_text(encoding="utf-8-sig")  # reasons too


@pytest.mark.slow
def test_texts_of_a_file_are_screened(run, tmp_path, tiny_pair):
    path, out = tmp_path / "log.txt", tmp_path / "screened.csv"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    models = ("--model", tiny_pair["model"], "--encoder", tiny_pair["encoder"])
    code, _, told = run("screen", path, "--out", out, *models)
    assert code == 0, told
    frame = pd.read_csv(out)
    assert [*frame.columns] == [
        "text", "score", "p_value", "is_anomaly", "reasons", "top_layers", "repeat_of",
    ]  # fmt: skip
    assert frame["is_anomaly"].sum() == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-",), "Got stdin, which can be read once only; expected a file"),
        (("FILE", "--all-columns", "--share", "2"), "less than or equal to 1"),
        (("FILE", "--all-columns", "--text-column", "kind"), "give one of --text-column"),
        (("FILE", "--all-columns", "--detector", "lightgbm"), "Got detector lightgbm; expected"),
    ],
)
def test_what_the_command_cannot_do_is_told_and_nothing_written(
    run, workbook, tmp_path, arguments, said
):
    out = tmp_path / "screened.xlsx"
    given = [workbook if own == "FILE" else own for own in arguments]
    code, _, told = run("screen", *given, "--out", out)
    assert code in (1, 2)
    assert said in " ".join(told.split())
    assert not out.exists()


@pytest.mark.slow
def test_labels_that_somebody_has_written_beside_a_screening_are_not_lost(run, workbook, tmp_path):
    out = tmp_path / "screened.xlsx"
    assert run("screen", workbook, "--all-columns", "--out", out)[0] == 0
    frame = pd.read_excel(out, engine="calamine").assign(checked="fine")
    frame.to_excel(out, index=False)
    code, _, told = run("screen", workbook, "--all-columns", "--out", out)
    assert (code, "somebody has put 'checked' beside an earlier result" in told) == (1, True)
    assert pd.read_excel(out, engine="calamine").equals(frame)
