import bad_inputs
import numpy as np
import pandas as pd
import pytest
from bad_inputs import BadInput, call, changed, corpus, fault, hostile_rows, random_table, write
from hypothesis import given, settings
from hypothesis import strategies as st
from kill_me import made_up
from openpyxl import load_workbook
from some_by_default import some_by_default
from work_orders import NORMAL

from polar_detect import tables
from polar_detect.detector import PolarDetector
from polar_detect.errors import InputError
from polar_detect.scoring import run as scoring
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.job import ScoreJob, open_input

CORPUS = corpus()


@pytest.fixture
def detector(fitted_on_tiny, saved_on_tiny, monkeypatch):
    """Return the folder of a detector that is loaded already."""
    monkeypatch.setattr(PolarDetector, "load", lambda _: fitted_on_tiny)
    return saved_on_tiny


@pytest.mark.parametrize("bad", some_by_default(CORPUS, *CORPUS[::6]), ids=lambda bad: bad.name)
def test_a_broken_or_hostile_file_is_scored_in_part_or_refused_in_one_line(bad, detector, tmp_path):
    path, out = write(bad, tmp_path), tmp_path / "results"
    out.mkdir()
    outcome = bad_inputs.score(path, detector, out / "out.csv")
    assert fault(bad, outcome) is None
    left = {file.name for file in out.iterdir()}
    allowed = (
        {"out.csv", tables.rejected_path(out / "out.csv").name} if outcome.code == 0 else set()
    )
    assert left <= allowed


def test_a_fault_would_be_seen():
    good = bad_inputs.Outcome(0, "5 rows scored, 0 flagged\n1 of 7 rows could not be read", 6, 1, 1)
    bad = BadInput("a.csv", b"", 7, 1, 1)
    assert fault(bad, good) is None
    for name, change in (("n_rows", 8), ("n_rejected", 0), ("n_empty", 0), ("n_rows", None)):
        assert fault(BadInput(**{**vars(bad), name: change}), good) is not None
    refused = bad_inputs.Outcome(1, "polar-detect: Got nothing.\n")
    assert fault(bad, refused) is not None
    assert fault(BadInput("a.csv", b"", None), refused) is None
    for said in (refused.said.replace("G", "\x1b"), "Traceback"):
        assert fault(BadInput("a.csv", b"", None), bad_inputs.Outcome(1, said)) is not None


# Every third: `score` above reads files in the same way.
FEW = [b for b in CORPUS if len(b.content) < 10_000_000 and "hostile" not in b.name][::3]


@pytest.mark.parametrize("bad", FEW, ids=lambda bad: bad.name)
def test_fit_refuses_files_with_too_few_rows_in_one_line(bad, tmp_path, monkeypatch):
    def load(*_):
        raise AssertionError

    # There is nothing to fit on.
    monkeypatch.setattr("polar_detect.pipeline.engine.Engine.load", load)
    options = [] if ".txt" in bad.name else ["--text-column", "text"]
    code, said = call("fit", write(bad, tmp_path), "--out", tmp_path / "out", *options)
    assert code == 1
    assert said.splitlines()[-1].startswith("polar-detect: Got ")
    assert bad_inputs.steers_nothing(said)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".txt", ".parquet", ".xlsx"])
def test_hostile_texts_reach_every_format_and_no_spreadsheet_runs_them(detector, tmp_path, ending):
    bad = next(bad for bad in CORPUS if bad.name == "hostile.parquet")
    out = tmp_path / f"out{ending}"
    options = ("--detector", detector, "--out", out, "--text-column", "text")
    code, said = call("score", write(bad, tmp_path), *options)
    assert code == 0, said
    if ending == ".xlsx":
        cells = [cell for row in load_workbook(out).worksheets[0].iter_rows() for cell in row]
        assert not any(cell.data_type == "f" or cell.hyperlink for cell in cells)
        assert any(str(cell.value).startswith("=cmd|") for cell in cells)  # control
    elif ending in {".csv", ".tsv"}:
        frame = pd.read_csv(out, sep="\t" if ending == ".tsv" else ",", dtype=str,
                            keep_default_na=False)  # fmt: skip
        assert len(frame) == len(hostile_rows())
        runs = frame["text"].str.lstrip().str.match(r"[=+@\uff1d]|-[^\d.]")
        assert frame["text"][runs].tolist() == []
        assert frame["text"].str.startswith("'=").sum() >= 3  # control


@pytest.mark.slow
def test_a_detector_can_be_fitted_on_hostile_texts(tiny_folder, minilm):  # noqa: ARG001
    detector = PolarDetector(model=str(tiny_folder)).fit([*bad_inputs.HOSTILE_TEXTS, *NORMAL])
    assessment = detector.assess(hostile_rows())
    assert np.isfinite(assessment.scores).sum() > len(hostile_rows()) - 15
    assert not np.isinf(assessment.scores).any()


def test_a_text_that_quotes_special_tokens_or_orders_is_read_like_any_other(fitted_on_tiny):
    """What a text asks for changes no other text's score, and not its own kind of result."""
    orders = [text for text in hostile_rows() if "score" in text or "<|im" in text or "<s>" in text]
    assert len(orders) >= 3
    alone = fitted_on_tiny.assess(NORMAL[:5])
    among = fitted_on_tiny.assess([*orders, *NORMAL[:5]])
    np.testing.assert_allclose(among.scores[-5:], alone.scores, atol=1e-6)
    assert np.isfinite(among.scores).all()


def counts(path, out):
    """Return rows written, without score, rejected, as a made-up engine finds them."""
    column = None if ".txt" in path.name else "text"
    job = ScoreJob(source=path, out=out, detector_sha256="", text_column=column)
    opened = open_input(job)
    done = scoring.run(job, opened, made_up, FlagRule(0.05), lambda *_: None)
    written = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert (len(written), (written["score"] == "").sum()) == (done.n_rows, done.n_empty)
    rejected = tables.rejected_path(out)
    if done.n_rejected:
        assert len(pd.read_csv(rejected, dtype=str, keep_default_na=False)) == done.n_rejected
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "results").mkdir()
    return folder


@pytest.mark.slow
@settings(max_examples=50)
@given(st.integers(0, 2**32), st.sampled_from([changed, random_table]))
def test_random_bytes_and_tables_are_counted_to_the_last_row_or_refused(place, seed, make):
    bad, out = make(np.random.default_rng(seed)), place / "results" / "out.csv"
    out.unlink(missing_ok=True)  # an earlier one that says more would not be replaced
    try:
        done = counts(write(bad, place), out)
    except InputError as error:
        assert str(error).startswith("Got ")  # noqa: PT017 - as users see it
        return
    assert bad.n_rows in {bad_inputs.ANY, done.n_rows + done.n_rejected}
