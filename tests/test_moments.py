"""Dates with a time of day in texts, as in front of the lines of a log, are read as one."""

import numpy as np
import pandas as pd
import pytest
from work_orders import NORMAL

from polar_detect import PolarDetector, Report, SignatureTransformer, screen
from polar_detect.memory import with_memory
from polar_detect.report.formats.markdown import render_markdown
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.texts.known import KnownTexts
from polar_detect.texts.moments import as_read, at_no_moment, moment_in

LINES = [f"2026-12-01 09:{i % 60:02d}:00,123 {text}" for i, text in enumerate(NORMAL[:50])]
LATER = [line.replace("2026-12-01 09", "2027-03-14 21").replace(",123", ",456") for line in LINES]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2015-10-18 18:04:19,753 INFO x", "0000-00-00 00:00:00,000 INFO x"),
        ("2026-12-01T09:30:00.123Z app", "0000-00-00T00:00:00.000Z app"),
        ("2026-12-01T09:30:00+09:00 app", "0000-00-00T00:00:00+00:00 app"),
        ("[Sun Dec 04 17:05:48 2005] [notice]", "[Mon Jan 00 00:00:00 0000] [notice]"),
        ("Jul 22 04:15:43 combo sshd[7]", "Jan 00 00:00:00 combo sshd[7]"),
        ("\x1b[2m2026-12-01T09:30:00Z\x1b[0m x", "\x1b[2m0000-00-00T00:00:00Z\x1b[0m x"),
        ("Jul  2 04:15:43 combo sshd[7]", "Jan 00 00:00:00 combo sshd[7]"),
        ("03-17 16:14:16.800  2227 V", "00-00 00:00:00.000  2227 V"),
        ("17/06/09 20:10:56 INFO", "00/00/00 00:00:00 INFO"),
        ("20171223-22:19:58:363|Step", "00000000-00:00:00:000|Step"),
        ("R13 2005-07-09-12.50.06.846867 RAS", "R13 0000-00-00-00.00.00.000000 RAS"),
        ('::1 - [01/Dec/2026:10:00:00 +0000] "GET', '::1 - [00/Jan/0000:00:00:00 +0000] "GET'),
        ("2024/05/01 10:30 点検", "0000/00/00 00:00 点検"),
        ("2024年5月1日 10時30分 停止", "0000年0月0日 00時00分 停止"),
        ("12/05/2024 14:00 moved", "00/00/0000 00:00 moved"),
        ("10:20:30.5 on\n10:20:31 off", "00:00:00.0 on\n00:00:00 off"),
        ("[10:20:30] on", "[00:00:00] on"),
    ],
)
def test_moments_are_read_as_one_of_the_same_length(text, read):
    assert at_no_moment(text) == read
    assert at_no_moment(read) == read
    assert moment_in(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "due 2026-12-01, torque 12.5",
        "took 0:01:12 for 10:30 h",
        "version 1.2 10:30 of part 12-10 8:30",
        "10.251.214.130:50010 and 00:1a:2b:3c:4d:5e",
        "00:11:22:33:44:55 joined",
        "meeting 12/05 14:00",
        "May 4 10:30",
        "ticket 2026-12-01-9 10x",
    ],
)
def test_dates_alone_durations_addresses_and_versions_stay(text):
    assert at_no_moment(text) == text
    assert moment_in(text) is None


@pytest.mark.slow
def test_when_a_line_was_written_does_not_count(tiny_pair):
    detector = PolarDetector(**tiny_pair, max_tokens=64).fit(LINES)
    scores = detector.score_samples([*LINES, *LATER]).reshape(2, -1)
    assert scores[0].tolist() == scores[1].tolist()
    assert detector.assess(LATER[:1]).neighbours[0][0].startswith("0000-00-00 00:00:00,000 ")
    page = render_markdown(Report.of(detector, LATER[:5]).data)
    assert "2027-03-14 21:00:00,456" in page


@pytest.mark.slow
def test_a_detector_that_was_fitted_on_moments_as_they_are_reads_them_in_new_texts(
    tiny_pair, monkeypatch
):
    monkeypatch.setattr("polar_detect.detector.at_no_moment", str)  # as was done before
    detector = PolarDetector(**tiny_pair, max_tokens=64).fit(LINES)
    scores = detector.score_samples([*LINES, *LATER]).reshape(2, -1)
    assert (scores[0] != scores[1]).all()


@pytest.mark.slow
def test_moments_in_rows_of_a_table_are_read_as_they_stand_there(run, tiny_pair, tmp_path):
    rows = {"note": LINES, "n": np.arange(50) % 7 + 0.5}
    detector = PolarDetector("texts", **tiny_pair, max_tokens=64)
    detector.fit(pd.DataFrame(rows))
    assert detector.fitted_.reference.texts[0].startswith("note: 2026-12-01 09:")
    path = tmp_path / "rows.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    models = ("--model", tiny_pair["model"], "--encoder", tiny_pair["encoder"])
    asked = ("--all-columns", "--detector", "texts", "--max-tokens", 64, *models)
    code, _, told = run("fit", path, *asked, "--out", tmp_path / "detector")
    assert code == 0, told
    assert "hold a date and time" not in told


@pytest.mark.slow
def test_what_is_worth_remembering_is_remembered_as_it_is_read(tiny_pair):
    detector = PolarDetector(**tiny_pair, max_tokens=64)
    memory = with_memory(detector, LINES, remembered=LINES)
    detector.fit(LINES)
    assert memory.saved_s == 0
    detector.score_samples(LINES)
    assert memory.saved_s > 0


def test_signatures_are_those_of_any_other_moment(tiny_pair):
    transformer = SignatureTransformer(**tiny_pair, curves="none").fit(LINES)
    first, second = (transformer.transform(own).to_numpy() for own in (LINES[:6], LATER[:6]))
    assert first.tobytes() == second.tobytes()


@pytest.mark.slow
def test_a_screening_reads_moments_as_one_and_each_text_once_and_shows_them(tiny_pair, monkeypatch):
    read, trace = [], Tracer.trace

    def noting(self, texts):
        read.extend(texts)
        return trace(self, texts)

    monkeypatch.setattr(Tracer, "trace", noting)
    texts = [*LINES, *LATER[:3]]
    found = screen(texts, PolarDetector(**tiny_pair))
    assert sorted(read) == sorted({*as_read(LINES)})
    assert np.isfinite(found.scores).all()
    data = Report.of_screening(texts, PolarDetector(**tiny_pair)).data
    assert {row.text for row in data.listed} == {*texts}
    assert {row.text for row in data.rows} <= {*texts}


def test_lines_that_were_fitted_on_are_known_whenever_they_were_written():
    known = KnownTexts(as_read(LINES))
    known.add(LATER)
    assert known.n_beyond_chance == len(LATER)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "50 of 50 texts hold a date and time, such as 2026-12-01 09:00:00,123; these are"),
        ("ja", "50件中50件に2026-12-01 09:00:00,123のような日時があります。"),
    ],
)
def test_fit_says_that_moments_are_read_as_one(run, tmp_path, tiny_pair, lang, said):
    path = tmp_path / "app.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    models = ("--model", tiny_pair["model"], "--encoder", tiny_pair["encoder"])
    asked = ("--out", tmp_path / "detector", "--max-tokens", 64, "--lang", lang, *models)
    code, _, told = run("fit", path, *asked)
    assert code == 0, told
    assert said in told
