import os
import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from kill_me import made_up
from work_orders import NEW, STRANGE

from polar_detect.errors import OutputError
from polar_detect.scoring import run as scoring
from polar_detect.scoring.disk_cache import DiskCache
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.job import ScoreJob, open_input

TEXTS = [*NEW, *STRANGE, ""]
DEPENDS = {"detector": "abc", "--preset": "all"}


def engine(calls):
    return lambda texts, advance: made_up(texts, advance, calls=calls)


def nothing(_):
    pass


def test_a_later_run_computes_what_is_new_only_and_finds_exactly_the_rest(tmp_path):
    calls, done = [], []
    first = DiskCache(engine(calls), tmp_path / "new" / "cache", DEPENDS)(TEXTS[:6], nothing)
    again = DiskCache(engine(calls), tmp_path / "new" / "cache", DEPENDS)(TEXTS, done.append)
    assert calls == [TEXTS[:6], TEXTS[6:]]
    assert again[:6] == first
    assert sum(done) == len(TEXTS)
    assert DiskCache(engine(calls), tmp_path / "new" / "cache", DEPENDS)(TEXTS, nothing) == again
    assert len(calls) == 2


@pytest.mark.parametrize("change", [{"detector": "abd"}, {"--preset": "flagged"}])
def test_another_detector_or_preset_finds_nothing(tmp_path, change):
    calls = []
    DiskCache(engine(calls), tmp_path, DEPENDS)(TEXTS, nothing)
    DiskCache(engine(calls), tmp_path, DEPENDS | change)(TEXTS, nothing)
    assert len(calls) == 2


@pytest.mark.parametrize(("programs_of", "n_times"), [("all", 1), ("searched", 1), ("flagged", 2)])
def test_another_alpha_computes_anew_only_where_flagged_rows_alone_get_a_program(
    tmp_path, programs_of, n_times
):
    source = tmp_path / "rows.csv"
    source.write_text("text\n" + "\n".join(f"pump {i} leaks" for i in range(300)))
    calls, n_flagged = [], []
    for alpha in (0.05, 0.3):
        out = tmp_path / f"{alpha}.csv"
        job = ScoreJob(source=source, out=out, detector_sha256="", programs_of=programs_of)
        rule = FlagRule(alpha)
        cached = DiskCache(engine(calls), tmp_path / "cache", scoring.depends_on(job, rule))
        summary = scoring.run(job, open_input(job), cached, rule, lambda *_: None)
        n_flagged.append(summary.n_flagged)
    assert sum(map(len, calls)) == 300 * n_times
    assert 0 < n_flagged[0] < n_flagged[1]


def test_no_text_can_be_read_though_reasons_quote_words_of_it(tmp_path):
    def quoting(texts, advance):
        results = made_up(texts, advance)
        return [replace(r, reasons=f"new: {text}") for r, text in zip(results, texts, strict=True)]

    texts = [text for text in TEXTS if text]
    first = DiskCache(quoting, tmp_path, DEPENDS)(texts, nothing)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    words = {word for text in texts for word in text.split() if len(word) > 3} - {"TABLE"}  # SQL
    assert words
    assert [word for word in ("new: ", *words) if word.encode() in content] == []
    calls = []
    assert DiskCache(engine(calls), tmp_path, DEPENDS)(texts, nothing) == first
    assert not calls  # control: they are there


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"Got --cache '.*file', which cannot be used"):
        DiskCache(made_up, tmp_path / "file", DEPENDS)
    (tmp_path / "results.sqlite").write_text("no database, but longer than its header would be" * 9)
    with pytest.raises(OutputError, match=r"cannot be used \(file is not"):
        DiskCache(made_up, tmp_path, DEPENDS)
    (tmp_path / "results.sqlite").unlink()
    cache = DiskCache(engine([]), tmp_path, DEPENDS)
    cache(TEXTS, nothing)
    with sqlite3.connect(tmp_path / "results.sqlite") as file:
        file.execute("UPDATE results SET result = 'broken'")
    file.close()
    with pytest.raises(OutputError, match="choose another"):
        cache(TEXTS, nothing)


def test_a_cache_that_can_only_be_read_is_refused_before_anything_is_scored(tmp_path, monkeypatch):
    DiskCache(engine([]), tmp_path, DEPENDS)(TEXTS, nothing)
    connect = sqlite3.connect

    def only_read(path, **options):
        return connect(f"file:{path}?mode=ro", uri=True, **options)

    DiskCache(made_up, tmp_path, DEPENDS)  # control
    monkeypatch.setattr(sqlite3, "connect", only_read)  # as in a folder of another user
    with pytest.raises(OutputError, match="attempt to write a readonly database"):
        DiskCache(made_up, tmp_path, DEPENDS)


@pytest.mark.parametrize("closed", ["cache", "cache/results.sqlite", "."])
def test_a_cache_that_may_not_be_written_is_refused_before_the_input_is_read(
    run, saved_on_tiny, tmp_path, monkeypatch, closed
):
    if closed != ".":
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "results.sqlite").touch()
    may = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: may(path, mode) and (mode != os.W_OK or Path(path) != tmp_path / closed),
    )
    command = ("score", tmp_path / "none.csv", "--detector", saved_on_tiny, "--out", "out.csv")
    code, _, error = run(*command, "--cache", tmp_path / "cache")
    assert code == 1
    assert re.search(r"Got --cache '.*', which cannot be used \(.*Permission denied", error)
    assert "none.csv" in run(*command)[2]  # control
    assert (tmp_path / "cache").exists() == (closed != ".")


@pytest.mark.slow
def test_score_writes_the_same_with_a_cache_and_nothing_beside_its_output_without(
    run, saved_on_tiny, tmp_path, monkeypatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    source = tmp_path / "rows.csv"
    source.write_text("text\n" + "\n".join(f'"{text}"' for text in TEXTS))
    score = ("score", source, "--detector", saved_on_tiny, "--text-column", "text", "--out")
    outs = [tmp_path / name for name in ("plain.csv", "first.csv", "second.csv")]
    assert run(*score, outs[0])[0] == 0
    assert {p.name for p in tmp_path.iterdir()} == {"tmp", "rows.csv", "plain.csv"}
    assert not any((tmp_path / "tmp").iterdir())
    for out in outs[1:]:
        assert run(*score, out, "--cache", tmp_path / "cache")[0] == 0
    assert len({out.read_bytes() for out in outs}) == 1
    assert run(*score, outs[0], "--cache", source)[0] == 1
