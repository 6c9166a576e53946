"""A file that `score` wrote, with labels that a person put beside: as input of each command."""

import pandas as pd
import pytest

from polar_detect.assessment import kinds_of_columns
from polar_detect.compare.reading import Reading, read_task
from polar_detect.errors import InputError
from polar_detect.frames import doubts_of_columns, row_template
from polar_detect.tables import RowColumns, check_added, read_table, result_columns

ADDED = [*kinds_of_columns(are_rows=False)]
REASONS = "few similar normal texts +5.15; far from normal texts in the sentence encoder +1.42"


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


def test_a_fit_on_an_assessed_frame_warns_of_the_columns_that_were_added():
    frame = pd.DataFrame({"load": [1.5, 2.5], "score": [0.1, 0.2], "p_value": [0.5, 0.6]})
    assert doubts_of_columns(frame, row_template(frame)) == []
    frame["is_anomaly"] = [False, True]
    assert doubts_of_columns(frame, row_template(frame)) == [
        "columns 'score', 'p_value', 'is_anomaly' are what an assessment adds; leave them out"
    ]
