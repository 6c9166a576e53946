"""The demo on a few orders of its two languages, with a tiny model."""

import functools

import pandas as pd
import pytest
from japanese import is_japanese
from work_orders import NEW, NORMAL, STRANGE

from polar_detect.cli.commands import demo
from polar_detect.cli.options import FitOptions


@pytest.fixture
def repository(tmp_path, monkeypatch, tiny_pair):
    """Stand in a repository with a few orders under the names of the demo's."""
    (tmp_path / "data").mkdir()
    labels = [0] * len(NEW[:6]) + [1] * len(STRANGE)
    for name in ("work_orders", "work_orders_ja"):
        train, new = (tmp_path / f"data/{name}_{part}.csv" for part in ("train", "new"))
        pd.DataFrame({"text": NORMAL[:40]}).to_csv(train, index=False)
        pd.DataFrame({"text": [*NEW[:6], *STRANGE], "label": labels}).to_csv(new, index=False)
    monkeypatch.chdir(tmp_path)
    options = functools.partial(FitOptions, **tiny_pair, max_tokens=8)
    monkeypatch.setattr(demo, "FitOptions", options)
    return tmp_path


@pytest.mark.parametrize(("lang", "name"), [("en", "work_orders"), ("ja", "work_orders_ja")])
def test_the_demo_leaves_a_detector_scores_and_a_report_in_its_language(
    run, repository, lang, name
):
    code, out, err = run("demo", "--lang", lang)
    assert code == 0, err
    folder = repository / "polar-detect-demo"
    assert (folder / "detector/manifest.json").is_file()
    scored = (folder / f"{name}_scored.csv").read_bytes()
    assert scored.startswith(b"\xef\xbb\xbf") == (lang == "ja")  # Excel asks for it
    table = pd.read_csv(folder / f"{name}_scored.csv")
    assert len(table) == 6 + len(STRANGE)
    page = (folder / f"{name}_report.html").read_text(encoding="utf-8")
    assert f'<html lang="{lang}"' in page
    assert is_japanese(table.loc[table.score.idxmax(), "reasons"]) == (lang == "ja")
    assert ("主な理由" if lang == "ja" else "raised by") in out
    assert ("要確認" if lang == "ja" else "flagged") in err
    assert "AUROC" in out


def test_the_demo_outside_the_repository_says_where_to_run_it(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo.polar_detect, "__file__", str(tmp_path / "site/polar_detect/x.py"))
    code, _, err = run("demo")
    assert code == 1
    assert "Got no data/work_orders_train.csv here; expected the cloned repository" in err
    code, _, err = run("demo", "--lang", "ja")
    assert code == 1
    assert "data/work_orders_ja_train.csv が見つかりません" in err
    assert not (tmp_path / "polar-detect-demo").exists()
