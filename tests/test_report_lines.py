"""How text is broken into lines where nothing else does it."""

import textwrap

from hypothesis import given
from hypothesis import strategies as st
from report_samples import report
from rich.cells import cell_len

from polar_detect.messages.language import Language
from polar_detect.messages.lines import in_lines
from polar_detect.report.content import phrases

WORDS = st.lists(st.text("ab.−é-()", min_size=1, max_size=9), min_size=1, max_size=30)


@given(WORDS, st.integers(9, 40))
def test_english_is_broken_at_blanks(words, n_cells):
    wrapper = textwrap.TextWrapper(n_cells, break_on_hyphens=False, break_long_words=False)
    assert in_lines(" ".join(words), n_cells) == wrapper.wrap(" ".join(words))


def test_lines_of_japanese_are_full_up_to_a_word_of_letters():
    language = Language("ja")
    body = "".join(phrases.findings(report(), language)) + "検出器は normal.csv で学習しました。"
    lines = in_lines(body, 40)
    assert "".join(lines).replace(" ", "") == body.replace(" ", "")
    assert len(lines) > 2
    assert all(30 <= cell_len(line) <= 40 for line in lines[:-1])


def test_no_line_begins_with_what_closes_and_none_ends_with_what_opens():
    text = "漏れ（オイル）、ポンプ。「異常」・ッチーを点検ヶ所で確認しました。" * 3
    for n_cells in range(8, 60):
        lines = in_lines(text, n_cells)
        assert "".join(lines) == text
        assert not [line for line in lines[1:] if line[0] in "）、。」・ーッ"]
        assert not [line for line in lines if line[-1] in "（「"]


def test_what_has_no_blank_is_broken_where_the_line_ends():
    assert in_lines("x" * 23 + " y", 10) == ["x" * 10, "x" * 10, "xxx y"]
    assert in_lines("", 10) == [""]
