"""A file that `score` wrote, with labels that a person put beside: as input of each command."""

import shutil

import pandas as pd
import pytest

from polar_detect.assessment import kinds_of_columns
from polar_detect.cli.commands.notices import Notices
from polar_detect.cli.options import FitOptions
from polar_detect.compare.reading.task import Reading, read_task
from polar_detect.errors import InputError, OutputError
from polar_detect.frames import doubts_of_columns, row_template
from polar_detect.messages.language import Language
from polar_detect.scoring import earlier_result
from polar_detect.scoring.job import ScoreJob, open_input
from polar_detect.tables import (
    RowColumns,
    check_added,
    copies,
    find_copies,
    read_table,
    result_columns,
    warn_of_judged,
    warn_of_verdicts,
)
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.texts.doubts import doubts_of_labels

ADDED = [*kinds_of_columns(are_rows=False)]
REASONS = "few similar normal texts +5.15; content unlike that of normal texts +1.42"


@pytest.fixture
def scored(tmp_path):
    """Return a scored CSV of 60 rows whose reasons have more words than its texts."""
    n = 60
    frame = pd.DataFrame(
        {
            "shift": ["early", "late"] * (n // 2),
            "comment": [f"pump {i} checked" for i in range(n)],
            "score": [i / 10 for i in range(n)],
            "p_value": [(i + 1) / n for i in range(n)],
            "is_anomaly": [i < 3 for i in range(n)],
            "reasons": [REASONS] * n,
            "program": ["0-28", "0-3 5-29"] * (n // 2),
            "program_length": [29, 28] * (n // 2),
            "n_skips": [1, 2] * (n // 2),
            "n_loops": [0] * n,
            "top_layers": ["L11 +0.41; L4 -0.12"] * n,
            "checked": ["NG" if i % 12 == 0 else "OK" for i in range(n)],
        }
    )
    path = tmp_path / "scored.csv"
    frame.to_csv(path, index=False)
    return path


def test_the_texts_of_a_scored_file_are_found_beside_the_reasons(scored):
    table = read_table(scored, label_column="checked")
    assert table.text_column == "comment"
    assert table.labels.sum() == 5


def test_whole_rows_of_a_scored_file_are_read_without_the_columns_that_were_added(scored):
    table = read_table(scored, label_column="checked", rows=RowColumns(None))
    assert table.template.names == ["shift", "comment"]
    (notice,) = (n for n in table.notices if "left out" in n)
    assert notice == "columns that score has added are left out: " + ", ".join(map(repr, ADDED))


def test_a_column_that_was_added_is_read_where_it_is_asked_for(scored):
    assert read_table(scored, text_column="reasons").texts[0] == REASONS
    table = read_table(scored, rows=RowColumns("comment,score"))
    assert table.template.names == ["comment", "score"]
    assert not any("left out" in n for n in table.notices)
    assert read_table(scored, label_column="is_anomaly").labels.sum() == 3


def test_compare_does_not_read_the_columns_that_were_added(scored):
    task = read_task(scored, None, Reading("checked"))
    assert task.columns == ("shift",)
    assert task.text_source == "column 'comment'"
    assert sum("columns that score has added are left out" in note for note in task.notes) == 1


def test_compare_finds_out_what_was_added_where_it_is_the_target(scored):
    assert read_task(scored, None, Reading("score", "number")).columns == ("shift", "checked")


@pytest.mark.parametrize("kept", [["score", "reasons"], ["score", "is_anomaly"]])
def test_of_a_result_of_which_the_rest_was_deleted_nothing_is_read_either(scored, kept):
    frame = pd.read_csv(scored)
    frame[["shift", "comment", *kept, "checked"]].to_csv(scored, index=False)
    table = read_table(scored, label_column="checked", rows=RowColumns(None))
    assert table.template.names == ["shift", "comment"]
    task = read_task(scored, None, Reading("checked"))
    assert (task.columns, task.text_source) == (("shift",), "column 'comment'")


def test_a_score_of_ones_own_is_no_added_column():
    assert result_columns(["text", "score", "program"]) == []
    assert result_columns(["text", "score", "program", "n_skips"]) == [
        "score",
        "program",
        "n_skips",
    ]


def test_a_scored_file_is_not_scored_again_and_all_its_added_columns_are_named():
    match = (
        r"Got a\.csv, which has been scored before: 'score', 'p_value', .*, 'top_layers'; expected "
        r"it without these columns; score the original file, or rename or remove them\."
    )
    with pytest.raises(InputError, match=match):
        check_added(["text", *ADDED], ADDED, "a.csv")


def test_a_column_to_fit_on_with_the_name_of_a_result_is_told_by_fit_and_by_score(
    run, save, tmp_path
):
    path = save("program,load\n" + "".join(f"O{i % 3},{i % 7}\n" for i in range(60)))
    fit = ("fit", path, "--all-columns", "--out", tmp_path / "out", "--model", tmp_path)  # is none
    said = "column 'program' has the name of one that score adds, and score refuses files with it; "
    assert f"{path}: {said}rename it in this file and in later ones\n" in run(*fit)[2]
    assert "列'program'は score が加える結果の列と同じ名前" in run(*fit, "--lang", "ja")[2]
    table = read_table(path, rows=RowColumns(None))
    scored = tmp_path / "scored.csv"
    job = ScoreJob(source=path, out=scored, detector_sha256="", template=table.template)
    with pytest.raises(
        InputError, match=r"'program', which the detector reads; .* fit again"
    ) as own:
        open_input(job)
    assert "列'program'は検出器が読む列ですが" in Language("ja").error(str(own.value))
    with pytest.raises(
        InputError, match=r"'program'; expected that .* rename or remove the column"
    ):
        check_added(["program", "load"], ADDED, "a.csv", read=["load"])


def test_a_fit_on_an_assessed_frame_warns_of_the_columns_that_were_added():
    frame = pd.DataFrame({"load": [1.5, 2.5], "score": [0.1, 0.2], "p_value": [0.5, 0.6]})
    assert doubts_of_columns(frame, row_template(frame)) == []
    frame["is_anomaly"] = [False, True]
    assert doubts_of_columns(frame, row_template(frame)) == [
        "columns 'score', 'p_value', 'is_anomaly' are what an assessment adds; leave them out"
    ]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_result_that_somebody_has_put_labels_into_is_not_replaced(save, scored, tmp_path, ending):
    source = save("comment,shift\npump checked,late\n")
    out = tmp_path / f"out.{ending}"
    job = ScoreJob(source=source, out=out, detector_sha256="", text_column="comment")
    worked_on = pd.read_csv(scored)
    write = {"csv": pd.DataFrame.to_csv, "xlsx": pd.DataFrame.to_excel}[ending]
    write(worked_on, out, index=False)
    match = rf"out\.{ending}, where somebody has put 'checked' beside an earlier result; expected a"
    with pytest.raises(OutputError, match=match):
        open_input(job)
    write(worked_on.drop(columns="checked"), out, index=False)
    assert open_input(job).n_rows == 1
    write(worked_on.drop(columns=ADDED), out, index=False)  # no result, which is replaced as before
    assert open_input(job).n_rows == 1


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_result_whose_empty_cells_somebody_has_filled_in_is_not_replaced(save, tmp_path, ending):
    source = save("comment,verdict\npump checked,\nbelt torn,\noiled,OK\n")
    out = tmp_path / f"out.{ending}"
    job = ScoreJob(source=source, out=out, detector_sha256="", text_column="comment")
    results = pd.DataFrame({name: ["x"] * 3 for name in ADDED})
    write = {"csv": pd.DataFrame.to_csv, "xlsx": pd.DataFrame.to_excel}[ending]

    def put(verdicts, comments=("pump checked", "belt torn", "oiled")):
        own = pd.DataFrame({"comment": comments, "verdict": verdicts})
        write(own.join(results), out, index=False)

    put(["", "NG", "OK"])
    match = rf"out\.{ending}, an earlier result that says more in 'verdict' than the input, as if"
    with pytest.raises(OutputError, match=match):
        open_input(job)
    put(["", "", "OK"])  # as in the input
    assert open_input(job).n_rows == 3
    put(["", "NG", "OK"], ["pump checked", "", "oiled"])  # of other rows
    assert open_input(job).n_rows == 3
    put(["", "NG", "OK", "OK"], ["pump checked", "belt torn", "oiled", "greased"])  # of more rows
    assert open_input(job).n_rows == 3


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_result_into_which_somebody_has_inserted_a_column_is_not_replaced(save, tmp_path, place):
    source = save("comment,shift\npump checked,late\nbelt torn,early\n")
    out = tmp_path / "out.csv"
    job = ScoreJob(source=source, out=out, detector_sha256="", text_column="comment")
    own = pd.DataFrame({"comment": ["belt torn"], "shift": ["early"]})  # a row is deleted
    own = own.join(pd.DataFrame({name: ["x"] for name in ADDED}))
    own.insert(place, "判定", ["NG"])
    own.to_csv(out, index=False)
    match = r"out\.csv, an earlier result with '判定', which the input has not, as if somebody had"
    with pytest.raises(OutputError, match=match) as raised:
        open_input(job)
    assert "入力にない列'判定'が書き足されている" in Language("ja").error(str(raised.value))
    own.drop(columns="shift").to_csv(out, index=False)  # of another table
    assert open_input(job).n_rows == 2


def test_a_result_to_which_somebody_has_added_a_sheet_is_not_replaced(save, tmp_path):
    source = save("comment\npump checked\n")
    out = tmp_path / "out.xlsx"
    job = ScoreJob(source=source, out=out, detector_sha256="", text_column="comment")
    own = pd.DataFrame({name: ["x"] for name in ["comment", *ADDED]})
    for rows, summary, more in (("rows", "summary", "Pivot"), ("行の一覧", "概要", "集計")):
        with pd.ExcelWriter(out) as book:
            for name in (rows, summary, more):
                own.iloc[:, : None if name == rows else 1].to_excel(book, sheet_name=name)
        match = rf"out\.xlsx, where somebody has put the sheet '{more}' beside an earlier result"
        with pytest.raises(OutputError, match=match) as raised:
            open_input(job)
        assert f"シート'{more}'が加えられており" in Language("ja").error(str(raised.value))
        with pd.ExcelWriter(out) as book:
            own.to_excel(book, sheet_name=rows, index=False)
            own[["comment"]].to_excel(book, sheet_name=summary)
        assert open_input(job).n_rows == 1


@pytest.mark.parametrize(
    "saved", [{"encoding": "cp932"}, {"sep": ";"}, {"sep": "\t", "encoding": "utf-16"}]
)
def test_a_result_that_a_spreadsheet_program_has_saved_in_its_own_way_is_not_replaced(
    save, tmp_path, saved
):
    source = save("コメント,判定\nポンプ点検,\nベルト交換,OK\n")
    out = tmp_path / "out.csv"
    job = ScoreJob(source=source, out=out, detector_sha256="", text_column="コメント")
    own = pd.DataFrame({"コメント": ["ポンプ点検", "ベルト交換"], "判定": ["NG", "OK"]})
    own = own.join(pd.DataFrame({name: ["x"] * 2 for name in ADDED}))
    own.to_csv(out, index=False, **saved)
    with pytest.raises(
        OutputError, match="an earlier result that says more in '判定' than the input"
    ):
        open_input(job)
    own.assign(判定=["", "OK"], 確認="済").to_csv(out, index=False, **saved)
    with pytest.raises(OutputError, match="somebody has put '確認' beside an earlier result"):
        open_input(job)


def test_an_output_that_is_no_table_is_replaced(save, tmp_path):
    out = tmp_path / "out.xlsx"
    out.write_bytes(b"no workbook")
    source = save("comment,shift\npump checked,late\n")
    job = ScoreJob(source=source, out=out, detector_sha256="", text_column="comment")
    assert open_input(job).n_rows == 1


def test_fit_says_that_rows_that_were_flagged_or_judged_count_as_normal(run, scored, tmp_path):
    fit = ("fit", scored, "--out", tmp_path / "out", "--model", tmp_path)  # which is no model
    err = run(*fit)[2]
    assert (
        f"{scored}: rows that score has flagged count as normal too: 3; if some are anomalous, say "
        "which in a column of labels, and pass --label-column\n"
    ) in err
    assert (
        f"{scored}: rows that column 'checked' calls anomalous count as normal too: 5; pass "
        "--label-column checked if it says which are\n"
    ) in err
    assert "要確認となった3行も" in run(*fit, "--lang", "ja")[2]
    assert "count as normal too" not in run(*fit, "--label-column", "checked")[2]


@pytest.mark.parametrize("cells", [("1", "0"), ("yes", "no"), ("NG", "NG"), ("NG", "checked")])
def test_a_column_is_taken_for_a_judgement_only_where_its_words_say_nothing_else(cells):
    assert warn_of_judged(pd.DataFrame({"a": cells, "b": ["", "x"]})) == []
    assert len(warn_of_judged(pd.DataFrame({"a": ["異常", "", "ＯＫ"]}))) == 1


def test_fit_warns_of_a_column_of_verdicts_that_new_rows_do_not_have_yet(save, tmp_path):
    path = save("寸法,判定,外観\n" + "".join(f"{25 + i % 7 / 100},ＯＫ,良\n" for i in range(40)))
    table = read_table(path, rows=RowColumns("寸法,判定"))
    options = FitOptions(train=path, out=tmp_path / "out", columns="寸法,判定")
    said = [
        one for one in Notices(table, options, Language("en")).of_rows() if "calls all rows" in one
    ]
    assert said == [
        "column '判定' calls all rows normal; if new rows are scored before they are judged, leave "
        "it out with --columns, as all of them would look strange"
    ]
    japanese = " ".join(Notices(table, options, Language("ja")).of_rows())
    assert "列'判定'はどの行も正常と判定しています" in japanese


def test_a_fit_on_a_data_frame_warns_of_verdicts_as_the_command_line_does():
    frame = pd.DataFrame({"寸法": [25 + i % 7 / 100 for i in range(40)], "判定": "ＯＫ"})
    said = doubts_of_columns(frame, row_template(frame))
    assert said == [
        "column '判定' calls all rows normal; if new rows are scored before they are judged, leave "
        "it out, as all of them would look strange"
    ]
    with_option = [one.replace("leave it out", "leave it out with --columns") for one in said]
    assert warn_of_verdicts(frame, ["判定"]) == with_option
    frame.loc[3, "判定"] = "ＮＧ"
    assert doubts_of_columns(frame, row_template(frame)) == [
        "rows that column '判定' calls anomalous count as normal too: 1; leave it out, and say in "
        "y which are if it says so"
    ]
    assert doubts_of_columns(frame, row_template(frame), has_labels=True) == []


@pytest.mark.parametrize(
    "cells", [["OK", "NG"], ["OK", "remark"], ["", ""], ["1", "0"], ["3", "4"]]
)
def test_a_column_that_calls_some_row_anomalous_or_nothing_is_no_such_verdict(cells):
    assert warn_of_verdicts(pd.DataFrame({"a": cells}), ["a"]) == []


def test_fit_names_texts_that_are_labelled_both_ways(run, scored, tmp_path):
    frame = pd.read_csv(scored)
    frame.loc[1, "comment"] = frame.loc[0, "comment"] + " "  # which nobody sees
    frame.to_csv(scored, index=False)
    fit = ("fit", scored, "--label-column", "checked", "--out", tmp_path / "out")
    fit = (*fit, "--model", tmp_path)
    said = "texts that are labelled both normal and anomalous: 1, such as 'pump 0 checked'; correct"
    assert f"{scored}: {said}" in run(*fit)[2]
    assert "両方のラベルが付いた文：1件" in run(*fit, "--lang", "ja")[2]
    texts, labels = frame["comment"].str.strip().tolist(), (frame["checked"] == "NG").to_numpy()
    assert doubts_of_labels(texts, labels) == [f"{said} the labels"]
    assert doubts_of_labels(texts[1:], labels[1:]) == []


def test_fit_says_what_to_write_where_normal_rows_have_no_label(run, scored, tmp_path):
    frame = pd.read_csv(scored)
    frame.loc[20:, "checked"] = ""
    frame.to_csv(scored, index=False)
    fit = ("fit", scored, "--label-column", "checked", "--out", tmp_path / "out")
    fit = (*fit, "--model", tmp_path)
    assert (
        f"Got {scored} with 18 rows that are labelled normal, and without a label 40, which are "
        "left out; expected at least 40 normal ones; write normal there where they are."
    ) in " ".join(run(*fit)[2].split())
    assert "空欄のうち正常な行には「正常」と書いて" in run(*fit, "--lang", "ja")[2]
    frame.loc[:7, "checked"] = "NG"
    frame.to_csv(scored, index=False)
    code, _, err = run("compare", scored, "--label-column", "checked", "--model", tmp_path)
    assert code == 1
    said = f"Got {scored} with 11 rows that are labelled normal, and without a label 40, which are"
    assert said in " ".join(err.split())


@pytest.mark.parametrize(
    ("word", "is_anomalous"),
    [("誤検出", False), ("誤報", False), ("異常無し", False), ("問題なし", False), ("良好", False),
     ("false alarm", False), ("異常有り", True), ("問題あり", True), ("不適合", True)],
)  # fmt: skip
def test_labels_are_read_as_people_write_them_who_look_at_flagged_rows(save, word, is_anomalous):
    path = save(f"comment,label\na,{word}\nb,{word}\n")
    table = read_table(path, text_column="comment", label_column="label")
    assert table.labels.tolist() == [is_anomalous] * 2


def test_fit_says_that_it_replaces_a_detector(run, saved_on_tiny, scored, tmp_path):
    out = tmp_path / "detector"
    fit = ("fit", scored, "--out", out, "--model", tmp_path)
    assert "is replaced" not in run(*fit)[2]
    shutil.copytree(saved_on_tiny, out)
    assert f"{out}: the detector there is replaced\n" in run(*fit)[2]


@pytest.mark.slow
def test_fit_says_where_a_week_was_pasted_in_twice_whatever_was_noted_beside_it(
    run, scored, tmp_path
):
    frame = pd.read_csv(scored, dtype=str)
    week = frame[30:].assign(score="")
    fit = ("fit", scored, "--out", tmp_path / "out", "--model", tmp_path)
    for label in ((), ("--label-column", "checked")):
        pd.concat([frame, week.assign(checked="OK") if label else week]).to_csv(scored, index=False)
        said = run(*fit, *label)[2]
        assert f"{scored}: rows that stand above in the same order, as where an export was" in said
        assert "pasted in twice: 30, from row 62 on; beside copies new rows will look" in said
        assert "30行あります（62行目から）" in run(*fit, *label, "--lang", "ja")[2]
    pd.concat([frame, week.iloc[11:]]).to_csv(scored, index=False)  # 19 rows
    assert "in the same order" not in run(*fit)[2]
    pd.concat([frame, week.iloc[::-1]]).to_csv(scored, index=False)
    assert "in the same order" not in run(*fit)[2]


def test_a_routine_of_few_steps_and_messages_alone_are_no_copies():
    day = pd.DataFrame({"step": [str(i) for i in range(19)], "state": "ok"}, dtype=str)
    assert find_copies(pd.concat([day] * 10)) is None
    messages = pd.DataFrame({"message": [str(i) for i in range(30)]}, dtype=str)
    assert find_copies(pd.concat([messages] * 2)) is None
    assert find_copies(pd.concat([messages.assign(state="ok")] * 2)).kind == "copied"  # control
    assert find_copies(day[:0]) is None


def test_copies_in_another_order_are_told_by_codes_and_dates_alone(run, tmp_path):
    path = tmp_path / "orders.csv"
    lots = pd.DataFrame(
        {"lot": [f"L-{i:04}" for i in range(60)], "flow": [i % 9 for i in range(60)]}
    )
    frame = pd.concat([lots, lots.iloc[20:55]]).sort_values("lot")
    frame.to_csv(path, index=False)
    fit = ("fit", path, "--all-columns", "--out", tmp_path / "out", "--model", tmp_path)  # is none
    said = "rows that stand above too, word for word in all columns: 35, from row 23 on; beside"
    assert f"{path}: {said}" in run(*fit)[2]
    assert "すべての列が同じ行が35行あります（23行目から）" in run(*fit, "--lang", "ja")[2]
    (doubt,) = (d for d in doubts_of_columns(frame, row_template(frame)) if "stand above" in d)
    assert doubt.startswith("rows that stand above too: 35, from position 21 on")
    assert find_copies(frame).kind == "repeated"
    assert find_copies(frame.assign(lot=frame["lot"].str[-1])) is None  # which comes by chance
    states = pd.DataFrame({"state": [f"state {i} reached" for i in range(60)], "level": "info"})
    assert find_copies(pd.concat([states, states[::-1]])) is None  # a log says it again


@pytest.mark.parametrize("is_reversed", [False, True])
def test_copies_are_told_beside_columns_of_one_name(is_reversed):
    lots = pd.DataFrame({"lot": [f"L-{i:04}" for i in range(30)], "flow": 1.5, "a": 1, "b": 2})
    frame = pd.concat([lots, lots[::-1] if is_reversed else lots])
    rows = row_template(frame[["lot", "flow"]])
    said = doubts_of_columns(frame, rows)
    assert ("too: 30" if is_reversed else "in the same order: 30") in said[0]
    same_name = frame.set_axis(["lot", "flow", "a", "a"], axis=1)
    assert doubts_of_columns(same_name, rows) == said


def test_cells_are_read_once_to_find_copies(monkeypatch):
    read, said = [], cells_as_text

    def noted(column):
        read.append(column.name)
        return said(column)

    monkeypatch.setattr(copies, "cells_as_text", noted)
    frame = pd.DataFrame({"flow": [str(i) for i in range(30)], "state": "on"})
    assert find_copies(frame) is None
    assert read == ["flow", "state"]


def test_a_fit_on_a_frame_with_a_copied_week_warns_of_it():
    week = pd.DataFrame({"flow": [i / 7 for i in range(30)], "state": "on"})
    frame = pd.concat([week, week.iloc[5:]], ignore_index=True)
    assert doubts_of_columns(frame, row_template(frame)) == [
        "rows that stand above in the same order: 25, from position 30 on; beside copies new rows "
        "will look strange, so leave them out"
    ]
    assert doubts_of_columns(week, row_template(week)) == []


def test_an_earlier_result_is_not_read_where_the_input_leaves_nothing_to_be_filled_in(
    save, tmp_path, monkeypatch
):
    out, opened = tmp_path / "out.csv", []
    own = pd.DataFrame({"comment": ["pump checked", "oiled"], "verdict": ["NG", "OK"]})
    own.join(pd.DataFrame({name: ["x"] * 2 for name in ADDED})).to_csv(out, index=False)
    read = earlier_result._opened
    monkeypatch.setattr(
        earlier_result, "_opened", lambda path: (opened.append(path), read(path))[1]
    )
    for verdict, n in (("NG", 1), ("", 2)):  # once for its columns, and once for its cells
        source = save(f"comment,verdict\npump checked,{verdict}\noiled,OK\n")
        job = ScoreJob(source=source, out=out, detector_sha256="", text_column="comment")
        opened.clear()
        if verdict:
            open_input(job)
        else:
            with pytest.raises(OutputError, match="says more in 'verdict' than the input"):
                open_input(job)
        assert len(opened) == n
