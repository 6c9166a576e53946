"""What a column of 8,212 means is told by the other columns of its table."""

import pandas as pd
import pytest

from polar_detect.compare.reading.columns import choose_columns
from polar_detect.tables import ReadOptions, RowTemplate, open_table
from polar_detect.tables.cells.decimal_commas import have_decimal_commas

N = 30
TEMPERATURES = [f"{200 + i % 7},{i % 10}" for i in range(N)]
DIAMETERS = [f"{8 + i % 3},{200 + 7 * i}" for i in range(N)]
WEIGHTS = [f"{1 + i % 3}.{100 + 13 * i}" for i in range(N)]
COUNTS = [f"{1 + i % 3},{100 + 13 * i}" for i in range(N)]


def values(table, name):
    template = RowTemplate.fit(table, [name])
    return template.read(template.texts(table)).numbers.values[:, 0].tolist()


def test_commas_before_three_digits_are_decimal_where_another_column_shows_it():
    table = pd.DataFrame({"T": TEMPERATURES, "D": DIAMETERS, "W": WEIGHTS})
    assert values(table, "D") == pytest.approx(
        [float(own.replace(",", ".")) for own in DIAMETERS], abs=0.051
    )
    assert values(table, "W") == [float(own.replace(".", "")) for own in WEIGHTS]


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({}, "nothing says it"),
        ({"p": [f"{i}.{i % 10}" for i in range(N)]}, "points stand before decimals elsewhere"),
        ({"place": [f"{i % 4},{i}" for i in range(N)]}, "places have no fixed digits"),
        ({"T": TEMPERATURES, "p": [f"1,{200 + i}.{i % 10}" for i in range(N)]}, "both"),
    ],
)
def test_commas_before_three_digits_are_of_thousands_elsewhere(others, why):
    table = pd.DataFrame({**others, "n": COUNTS})
    assert not have_decimal_commas(table), why
    assert values(table, "n") == [float(own.replace(",", "")) for own in COUNTS]


PAIRS = [f"{1 + i % 4},{i % 3}" for i in range(N)]  # of cavities, say


def test_thousands_that_go_on_below_are_such_whatever_other_columns_say():
    below = [f"{700 + 7 * i}" if i % 4 == 0 else own for i, own in enumerate(COUNTS)]
    table = pd.DataFrame({"cavities": PAIRS, "n": below})
    assert have_decimal_commas(table)
    assert values(table, "n") == [float(own.replace(",", "")) for own in below]


def test_two_commas_in_a_number_tell_that_they_stand_between_thousands():
    table = pd.DataFrame({"cavities": PAIRS, "n": COUNTS})
    assert have_decimal_commas(table)
    millions = table.assign(total=[f"1,2{10 + i},{100 + i}" for i in range(N)])
    assert not have_decimal_commas(millions)
    assert values(millions, "n") == [float(own.replace(",", "")) for own in COUNTS]


def test_whole_numbers_beside_decimal_commas_stay_what_they_are():
    table = pd.DataFrame({"T": TEMPERATURES, "n": [f"{i * 37}" for i in range(N)]})
    assert have_decimal_commas(table)
    assert values(table, "n") == [37 * i for i in range(N)]


def test_what_is_typed_as_a_number_keeps_its_point():
    table = pd.DataFrame({"T": TEMPERATURES, "x": [1.125 + i / 8 for i in range(N)]})
    assert have_decimal_commas(table)
    assert values(table, "x") == pytest.approx([1.125 + i / 8 for i in range(N)], abs=0.051)


def test_compare_reads_such_a_table_as_fit_does():
    table = pd.DataFrame({"T": TEMPERATURES, "D": DIAMETERS})
    forms = choose_columns(table, "auto", None, others=[]).forms
    assert forms["D"].comma
    alone = choose_columns(table[["D"]], "auto", None, others=[]).forms
    assert not alone["D"].comma


def test_no_doubt_is_said_of_commas_that_other_columns_explain(tmp_path):
    def said(*columns):
        path = tmp_path / "a.csv"
        rows = [";".join(row) for row in zip(*columns, strict=True)]
        path.write_text("\n".join([";".join("abc"[: len(columns)]), *rows]) + "\n")
        return [own for own in open_table(path, ReadOptions()).notices if "decimal" in own]

    assert said(TEMPERATURES, DIAMETERS) == []
    assert len(said(COUNTS, DIAMETERS)) == 1
