import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import openpyxl
import pandas as pd
import pytest
from some_by_default import some_by_default
from work_orders import NORMAL

STRANGE = ["SELECT * FROM users WHERE 1=1; DROP TABLE users", "", *NORMAL[:20]]


@pytest.fixture
def run(run):
    """Return the same function, whose stderr has blanks in place of line ends."""

    def run_command(*arguments):
        code, out, err = run(*arguments)
        return code, out, " ".join(err.split())

    return run_command


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    pd.DataFrame({"text": STRANGE}).to_csv(path, index=False)
    return path


@pytest.fixture
def report(run, orders, saved_on_tiny):
    def write(out, *options):
        return run(
            "report", orders, "--detector", saved_on_tiny, "--out", out, "--text-column", "text",
            "--top", 2, *options,
        )  # fmt: skip

    return write


STARTS = {"html": b"<!DOCTYPE", "pdf": b"%PDF-", "png": b"\x89PNG", "json": b"{", "md": b"# "}


@pytest.mark.parametrize("kind", some_by_default(STARTS, "html", "pdf", "json", "md"))
def test_the_format_follows_the_ending_of_the_output(report, tmp_path, kind):
    out = tmp_path / f"report.{kind}"
    code, stdout, _ = report(out)
    assert (code, stdout) == (0, f"{out}\n")
    assert out.read_bytes().lstrip().startswith(STARTS[kind])
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("is_folder", [True, False], ids=["folder", "read-only"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    report, run, orders, tmp_path, monkeypatch, is_folder
):  # fmt: skip
    monkeypatch.setattr("polar_detect.tables.read_table", lambda *_, **__: pytest.fail("worked"))
    monkeypatch.setattr("polar_detect.compare.read_task", lambda *_, **__: pytest.fail("worked"))
    if not is_folder:
        monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    for out, command in (
        (tmp_path / "report.html", report),
        (tmp_path / "table.csv", lambda out: run("compare", orders, "--target", "x", "--out", out)),
    ):
        if is_folder:
            out.mkdir()
        code, _, err = command(out)
        assert code == 1
        assert f"Got an error while writing '{out}' (" in err


def test_an_option_overrules_the_ending(report, tmp_path):
    out = tmp_path / "report.txt"
    code, _, _ = report(out, "--format", "json")
    assert code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["n_rows"] == len(STRANGE)


def test_an_unknown_ending_names_those_that_are_known(report, tmp_path):
    code, _, err = report(tmp_path / "report.docx")
    assert code == 1
    assert "expected a name that ends in .html, .pdf, .png, .json, .md" in err
    assert "--format" in err
    code, _, err = report(tmp_path / "none" / "report.html")
    assert (code, "folder that does not exist" in err) == (1, True)


def test_japanese_reports_come_with_japanese_messages(report, tmp_path):
    code, _, err = report(tmp_path / "report.html", "--lang", "ja")
    assert code == 0
    assert '<html lang="ja">' in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "21行を採点" in err
    assert "本文のない1行は採点していません。" in err
    assert not re.search(r"rows? scored|flagged|batch", err)
    code, _, err = report(tmp_path / "report.docx", "--lang", "ja")
    assert (code, "名前を変えるか" in err) == (1, True)


def test_a_folder_of_figures_that_cannot_be_created_is_named_with_its_option(
    report, orders, tmp_path
):
    code, _, err = report(tmp_path / "report.md", "--figures", orders)
    assert (code, f"Got --figures '{orders}', which cannot be created" in err) == (1, True)


def test_no_folder_of_figures_is_left_by_a_report_that_is_refused(report, tmp_path):
    code, _, _ = report(tmp_path / "report.md", "--figures", tmp_path / "figures", "--alpha", 2)
    assert (code, (tmp_path / "figures").exists()) == (1, False)


@pytest.mark.slow
def test_figures_go_into_their_own_folder(report, tmp_path):
    folder = tmp_path / "figures"
    code, _, err = report(tmp_path / "report.md", "--figures", folder)
    assert code == 0
    assert {"scores.png", "scores.svg", "row-01.png", "row-02.svg"} <= {
        path.name for path in folder.iterdir()
    }
    assert f"{len(list(folder.iterdir()))} pictures in" in err


@pytest.mark.skipif(os.name == "nt", reason="by its path there")
def test_a_report_is_opened_on_request_and_only_then(report, tmp_path, monkeypatch):
    opened, has_browser = [], True
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or has_browser)
    out = tmp_path / f"{'report' * 20}.html"  # longer than a line, and not to be broken
    assert report(out)[0] == 0
    assert not opened
    code, _, err = report(out, "--open")
    assert (code, opened, "No browser" in err) == (0, [out.as_uri()], False)
    has_browser = False
    code, _, err = report(out, "--open")
    assert (code, f"open {out} by hand" in err) == (0, True)


def test_on_windows_a_report_is_opened_by_its_path(report, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    monkeypatch.setattr("polar_detect.cli.commands.report.sys", SimpleNamespace(platform="win32"))
    out = tmp_path / "山田 太郎.html"  # which Windows does not find by its URI
    assert report(out, "--open")[0] == 0
    assert opened == [str(out)]


def test_a_report_does_not_name_the_folder_of_its_input(report, orders, tmp_path):
    report(tmp_path / "report.json")
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert orders.name in text
    assert str(orders.parent) not in text


def test_score_ends_with_expected_false_alarms_and_drift(run, orders, saved_on_tiny, tmp_path):
    out = tmp_path / "scored.csv"
    _, _, err = run(
        "score", orders, "--detector", saved_on_tiny, "--out", out, "--text-column", "text"
    )
    assert "21 rows scored" in err
    assert "about 1.1 expected by chance alone (5 % of 21)." in err
    assert re.search(
        r"The batch as a whole (looks like|differs|clearly differs)|too few texts", err
    )
    assert "\x1b" not in err  # it goes into a pipe here


def test_rows_without_a_label_are_of_the_batch_all_the_same(run, saved_on_tiny, tmp_path):
    path, out = tmp_path / "new.csv", tmp_path / "report.json"
    labels = ["", "NG", "", "正常", "OK"]
    pd.DataFrame({"text": [*NORMAL[:4], STRANGE[0]], "y": labels}).to_csv(path, index=False)
    code, _, err = run(
        *("report", path, "--detector", saved_on_tiny, "--out", out),
        *("--text-column", "text", "--label-column", "y"),
    )
    assert code == 0
    assert "rows without a label, as column 'y' is empty: 2" in err
    found = json.loads(out.read_text())
    known = {row["row"]: row["label"] for row in found["rows"]}
    assert known == {2: None, 3: True, 4: None, 5: False, 6: False}
    others = run("report", path, "--detector", saved_on_tiny, "--out", out, "--text-column", "text")
    assert others[0] == 0
    plain = json.loads(out.read_text())
    assert plain["drift"] == found["drift"]
    assert {row["row"]: row["score"] for row in plain["rows"]} == {
        row["row"]: row["score"] for row in found["rows"]
    }
    assert plain["auroc"] is None
    assert found["auroc"] in {0, 0.5, 1}  # one anomalous row against two


def test_rows_of_a_workbook_have_the_numbers_of_its_sheet(run, saved_on_tiny, tmp_path):
    book, out, scored = (tmp_path / name for name in ("new.xlsx", "report.json", "scored.xlsx"))
    sheet = (filled := openpyxl.Workbook()).active
    texts = [*NORMAL[:5], STRANGE[0]]
    rows = ([i, "pump", text] for i, text in enumerate(texts))
    for cells in (["作業記録"], [], ["no", "machine", "text"], *rows):
        sheet.append(cells)
    filled.save(book)
    options = ("--detector", saved_on_tiny, "--text-column", "text", "--out")
    assert run("report", book, *options, out, "--lang", "ja")[0] == 0
    written = json.loads(out.read_text())
    assert {row["row"]: row["text"] for row in written["rows"]} == dict(enumerate(texts, start=4))
    assert written["numbering"] == "sheet"
    assert "シートの行番号" in written["rows_are_numbered"]
    # What `score` writes is a file of its own, whose rows a report of it names.
    assert run("score", book, *options, scored)[0] == 0
    assert run("report", scored, *options, out)[0] == 0
    rows = json.loads(out.read_text())["rows"]
    assert {row["row"]: row["text"] for row in rows} == dict(enumerate(texts, start=2))


def without_a_home(code):
    """Run code where the home cannot be written, as in containers."""
    names = ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    env = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env=env | {"HOME": os.devnull},
    )


@pytest.mark.skipif(os.name == "nt", reason="its home has another name")
@pytest.mark.slow
def test_pictures_say_nothing_of_a_home_that_cannot_be_written():
    control = without_a_home("import matplotlib.figure")
    assert "temporary cache directory" in control.stderr
    done = without_a_home(
        "from polar_detect.cli.commands.output import load_pictures; load_pictures()"
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="its home has another name")
def test_pictures_without_a_place_for_temporary_files_are_refused_before_the_work(tmp_path):
    nowhere = "import tempfile; tempfile.tempdir = '/dev/null/nowhere'\n"
    code = "from polar_detect.cli import main; import sys; sys.argv = sys.argv[:1] + "
    code += repr(["report", "no.csv", "--detector", "no", "--out", str(tmp_path / "r.pdf")])
    done = without_a_home(f"{nowhere}{code}; main()")
    assert done.returncode == 1
    assert done.stderr == (
        "polar-detect: Got no folder for temporary files; expected one that can be written, for "
        "pictures; set TMPDIR to one.\n"
    )
