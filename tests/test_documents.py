"""`polar-detect combine --documents`: one row for each report, mail or page."""

import io
import json
import sys
import zipfile

import docx
import pandas as pd
import pytest
from documents import words, write_mail, write_outlook_mail, write_pdf, write_word

from polar_detect.errors import EmptyInputError, InputError
from polar_detect.tables import read_documents, read_table
from polar_detect.tables.documents import opening, word
from polar_detect.tables.documents.html import _Reader, page
from polar_detect.tables.documents.mail import mail, parted
from polar_detect.tables.documents.opening import read_document
from polar_detect.tables.documents.page_lines import Line, Page, joined_lines
from polar_detect.tables.formats import DOCUMENTS

PROSE = (
    "The housing of the pump cracked at the weld after three hundred cycles on the test rig.",
    "The supplier changed the wire in May, and nobody tested the joint with the new one again.",
    "All parts in stock were sorted by hand; of four hundred housings three had the same crack.",
)


def set_lines(text, n_chars=30):
    """Return a text in lines of at most so many signs, as a page has it."""
    lines = [""]
    for own in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(own) > n_chars:
            lines.append("")
        lines[-1] = f"{lines[-1]} {own}".strip()
    return lines


def page_of(paragraphs, *, left=60, top=760, gap=8, n_chars=30):
    """Return the lines of paragraphs, each below the other."""
    found, bottom = [], top
    for own in paragraphs:
        for line in set_lines(own, n_chars):
            found.append((left, bottom, line))
            bottom -= 12
        bottom -= gap
    return found


@pytest.fixture
def reports(tmp_path):
    """Return a folder of reports in all formats, and other files."""
    folder = tmp_path / "reports"
    folder.mkdir()
    report = docx.Document()
    report.core_properties.title, report.core_properties.author = "8D 4711", "T. Sato"
    report.sections[0].header.paragraphs[0].text = "ACME, confidential"
    report.add_heading("D2 Problem", 1)
    report.add_paragraph(PROSE[0])
    table = report.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("Part", "Torque", "A-1", "12.5"), strict=True):
        cell.text = text
    for text in ("sort the stock", "test the wire"):
        report.add_paragraph(text, style="List Bullet")
    report.add_paragraph(PROSE[1])
    report.save(folder / "1 report.docx")
    write_pdf(folder / "2 report.pdf", [page_of(PROSE)])
    sent = {
        "Subject": "割れ",
        "From": "Ann <ann@example.com>",
        "Date": "Tue, 01 Dec 2026 09:30:00 +0900",
    }
    write_mail(folder / "3 mail.eml", f"{PROSE[0]}\n\nBob wrote:\n> Is it the weld?\n", **sent)
    (folder / "4 minutes.html").write_text(f"<title>Minutes</title><p>{PROSE[1]}<p>{PROSE[2]}")
    (folder / "5 notes.md").write_text(f"# Notes\r\n\r\n\r\n{PROSE[2]}\r\n")
    (folder / "6 点検.txt").write_bytes(
        "弁から油が漏れています。\r\n清掃し、増し締めしました。".encode("cp932")
    )
    (folder / "readings.csv").write_text("a,b\n1,2\n")
    (folder / "2025").mkdir()
    return folder


def test_documents_of_a_folder_are_one_table_with_their_paragraphs(reports, run):
    out = reports.parent / "all.jsonl"
    code, said, err = run("combine", reports, "--documents", "--out", out)
    assert (code, said) == (0, f"{out}\n")
    assert err.splitlines() == [
        "6 点検.txt: read as CP932 (Shift_JIS); pass --encoding if that is wrong",
        f"not read: {reports / 'readings.csv'}, {reports / '2025'}",
        "6 rows, one for each document",
    ]
    found = pd.DataFrame([*map(json.loads, out.read_text().splitlines())], dtype=object)
    assert [*found] == ["file", "title", "author", "date", "text", "quoted"]
    assert found["title"].tolist() == ["8D 4711", None, "割れ", "Minutes", None, None]
    assert found["author"].tolist()[::2] == ["T. Sato", "Ann <ann@example.com>", None]
    assert found["date"][2] == "2026-12-01 09:30:00"
    assert found["quoted"].tolist() == [None, None, "Bob wrote:\n> Is it the weld?", *3 * [None]]
    assert found["text"].tolist() == [
        f"D2 Problem\n\n{PROSE[0]}\n\nPart\tTorque\nA-1\t12.5\n\nsort the stock\ntest the wire\n\n"
        + PROSE[1],
        "\n\n".join(PROSE),
        PROSE[0],
        f"{PROSE[1]}\n\n{PROSE[2]}",
        f"# Notes\n\n{PROSE[2]}",
        "弁から油が漏れています。\n清掃し、増し締めしました。",
    ]
    assert read_table(out).texts == found["text"].tolist()


def test_japanese_is_said_where_it_is_asked_for(reports, run):
    out = reports.parent / "all.csv"
    (reports / "7.docx").write_bytes(b"broken")
    write_pdf(reports / "8.pdf", [[], []])
    (reports / "9.txt").write_text(" \n")
    _, _, err = run("combine", reports, "--documents", "--lang", "ja", "--out", out)
    lines = err.splitlines()
    assert (
        lines[0] == "6 点検.txt: CP932 (Shift_JIS)として読みました（違う場合は --encoding を指定）"
    )
    assert lines[1] == "文字のない文書：9.txt"
    assert "7.docx はWord文書として読めません" in lines[3]
    assert "8.pdf（2ページ）には読める文字がありません（スキャンなど）。先にOCR" in lines[4]
    assert lines[5] == "文書1つにつき1行、6行にまとめました"
    assert [*pd.read_csv(out)] == ["ファイル", "題名", "作成者", "日付", "本文", "引用"]


def test_the_same_documents_are_a_data_frame_in_python(reports):
    found = read_documents(reports)
    assert found.frame["file"].tolist()[:2] == ["1 report.docx", "2 report.pdf"]
    assert found.frame["text"][1] == "\n\n".join(PROSE)
    assert found.notices[-1] == f"not read: {reports / 'readings.csv'}, {reports / '2025'}"
    alone = read_documents(str(reports / "5 notes.md"))
    assert (alone.frame.columns.tolist(), alone.notices) == (["file", "text"], ())


def test_files_of_a_folder_that_cannot_be_read_are_left_out_and_named_ones_refused(tmp_path):
    (tmp_path / "a.txt").write_text("oil leak")
    (tmp_path / "b.eml").write_text("no headers")
    (tmp_path / "c.txt").write_text("")
    found = read_documents(tmp_path)
    assert found.frame["file"].tolist() == ["a.txt"]
    assert found.notices[0] == "without any text: c.txt"
    assert found.notices[1].startswith(f"left out, as it cannot be read: Got {tmp_path / 'b.eml'}")
    with pytest.raises(InputError, match="which is no mail that can be read"):
        read_documents([tmp_path / "a.txt", tmp_path / "b.eml"])
    with pytest.raises(EmptyInputError, match="without any text"):
        read_documents(tmp_path / "c.txt")
    (tmp_path / "a.txt").unlink()
    with pytest.raises(InputError, match="which is no mail that can be read"):
        read_documents(tmp_path)


def test_what_is_no_document_is_refused(tmp_path):
    (tmp_path / "old.doc").write_bytes(b"\xd0\xcf")
    with pytest.raises(InputError, match=r"which is no document; expected \.docx, \.pdf"):
        read_documents(tmp_path / "old.doc")
    with pytest.raises(InputError, match="without a Word, PDF, mail, HTML, Markdown or text file"):
        read_documents(tmp_path)


@pytest.mark.parametrize("ending", sorted(DOCUMENTS))
def test_documents_are_not_read_as_lines_of_text(tmp_path, ending):
    path = write_pdf(tmp_path / f"a{ending}", [page_of(PROSE)])  # which is text, for its most part
    with pytest.raises(InputError, match="make a table of documents with polar-detect combine --d"):
        read_table(path)


def test_a_missing_library_is_named_before_anything_is_read(reports, run, monkeypatch):
    monkeypatch.setattr(opening.importlib.util, "find_spec", lambda _: None)
    code, _, err = run("combine", reports, "--documents", "--out", reports.parent / "o.csv")
    assert (code, 'pip install "polar-detect[documents]"' in err) == (1, True)
    assert "2 report.pdf and no pypdfium2" in err
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    (reports / "2 report.pdf").unlink()
    assert len(read_documents(reports).frame) == 5  # which need none


def test_copies_are_said_or_left_out(tmp_path, run):
    folder, out = tmp_path / "notes", tmp_path / "all.csv"
    folder.mkdir()
    for name, text in (("a.txt", "oil leak"), ("b.html", "<p>oil  leak"), ("c.md", "oil")):
        (folder / name).write_text(text)
    _, _, err = run("combine", folder, "--documents", "--out", out)
    assert err.splitlines()[0].startswith("the same text as an earlier file has: b.html; --drop")
    _, _, err = run("combine", folder, "--documents", "--drop-copies", "--out", out)
    assert err.splitlines()[0] == "left out, as an earlier file has the same text: b.html"
    assert pd.read_csv(out)["file"].tolist() == ["a.txt", "c.md"]


def test_a_text_that_no_cell_of_excel_holds_is_refused(tmp_path, run):
    (tmp_path / "long.txt").write_text("crack " * 6_000)
    for ending, code in ((".xlsx", 1), (".jsonl", 0)):
        out = tmp_path / f"all{ending}"
        own, _, err = run("combine", tmp_path / "long.txt", "--documents", "--out", out)
        assert (own, out.exists()) == (code, code == 0)
        assert ("Got a text of 35,999 characters for an Excel file" in err) == (code == 1)
    code, _, err = run("combine", tmp_path / "all.jsonl", "--out", tmp_path / "all.xlsx")
    assert (code, "write .jsonl or .parquet" in err) == (1, True)  # which was cut before


def test_files_of_the_same_name_are_told_apart(tmp_path):
    for name in ("may", "june"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)
    found = read_documents([tmp_path / "may", tmp_path / "june"]).frame
    assert found["file"].tolist() == [str(tmp_path / own / "a.txt") for own in ("may", "june")]


def test_bytes_that_are_no_text_are_said(tmp_path):
    (tmp_path / "a.txt").write_bytes("漏れ\n".encode() * 20 + b"oil\xff\n")
    found = read_documents(tmp_path / "a.txt")
    assert found.frame["text"][0].endswith("oil\ufffd")
    assert found.notices == ("a.txt: signs that cannot be read are written as \ufffd",)
    (tmp_path / "b.txt").write_bytes("Насос".encode("cp1251"))
    named = read_documents(tmp_path / "b.txt", encoding="cp1251").frame
    assert named["text"][0] == "Насос"


# Word


def test_word_shows_what_a_reader_sees_with_changes_accepted(tmp_path):
    body = (
        "<w:p><w:r><w:t>A</w:t><w:tab/><w:t>7</w:t></w:r>"
        "<w:del><w:r><w:tab/><w:delText> deleted</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t> added</w:t></w:r></w:ins>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t> hidden</w:t></w:r></w:p>"
        f"<w:sdt><w:sdtContent>{words('in a form')}</w:sdtContent></w:sdt>"
        f"<w:p><w:r><w:t>with a box</w:t></w:r><w:r><w:pict><w:txbxContent>{words('boxed')}"
        "</w:txbxContent></w:pict></w:r></w:p>"
        "<w:p><w:r><w:instrText>PAGE</w:instrText><w:br/></w:r></w:p>"
        "<w:p><w:ruby><w:rt><w:r><w:t>たき</w:t></w:r></w:rt>"
        "<w:rubyBase><w:r><w:t>滝</w:t></w:r></w:rubyBase></w:ruby></w:p>"
    )
    notes = f'<w:footnote w:type="separator">{words("-")}</w:footnote>' + (
        f"<w:footnote>{words('a note')}</w:footnote>"
    )
    found = read_document(write_word(tmp_path / "a.docx", body, footnotes=notes))
    assert found.text.split("\n\n") == [
        "A\t7 added",
        "in a form",
        "with a box",
        "boxed",
        "滝",
        "a note",
    ]


def test_forms_that_are_tables_keep_the_paragraphs_of_their_boxes(tmp_path):
    def table(*rows):
        cells = ("".join(f"<w:tc>{cell}</w:tc>" for cell in row) for row in rows)
        return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"

    prose = words(PROSE[0]) + words(PROSE[1]) + words(PROSE[2])
    body = table(
        (words("Part"), words("A-1") + words("B-2")), (words("D2"), prose), ("", words("x"))
    )
    assert read_document(write_word(tmp_path / "a.docx", body)).text == "\n\n".join(
        ["Part\tA-1 B-2", "D2", *PROSE, "\tx"]
    )


def test_word_files_that_unpack_to_too_much_are_refused(tmp_path, monkeypatch):
    path = write_word(tmp_path / "a.docx", words("x" * 5_000))
    monkeypatch.setattr(word, "_MAX_PART_BYTES", 6_000)
    assert len(read_document(path).text) == 5_000
    monkeypatch.setattr(word, "_MAX_PART_BYTES", 5_000)
    with pytest.raises(InputError, match="unpacks to more than"):
        read_document(path)


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY z SYSTEM "file:///etc/hostname">',
        "".join(f'<!ENTITY {name} "{10 * value}">' for name, value in
                zip("abcdefghz", ("lol", *(f"&{own};" for own in "abcdefgh")), strict=True)),
    ],
    ids=["external", "billion laughs"],
)  # fmt: skip
def test_entities_of_word_files_are_neither_fetched_nor_blown_up(tmp_path, declared):
    path = write_word(tmp_path / "a.docx", "")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_rels/.rels", "<r/>")
        archive.writestr("word/document.xml", f"<!DOCTYPE d [{declared}]><d>&z;<p><t>x</t></p></d>")
    with pytest.raises(InputError, match="which is no Word document that can be read"):
        read_document(path)


def test_xml_that_is_nested_without_end_is_refused(tmp_path):
    path = write_word(tmp_path / "a.docx", "<w:sdt>" * 5_000 + "</w:sdt>" * 5_000)
    with pytest.raises(InputError, match="which is no Word document that can be read"):
        read_document(path)


# PDF


def test_lines_of_a_pdf_are_joined_and_what_repeats_on_its_pages_is_left_out(tmp_path):
    pages = [
        [(60, 800, "ACME, confidential"), *page_of(PROSE[i - 1 : i]), (280, 30, f"Page {i} of 3")]
        for i in (1, 2, 3)
    ]
    found = read_document(write_pdf(tmp_path / "a.pdf", pages))
    assert found.text == "\n\n".join(PROSE)
    assert found.notices == (
        "lines that repeat at the edges of pages, such as headers and page numbers, are left out",
    )
    alone = read_document(write_pdf(tmp_path / "b.pdf", pages[:1]))
    assert alone.text.startswith("ACME, confidential\n\n")
    assert alone.notices == ()


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_pages_that_are_shown_turned_are_read_as_they_are_shown(tmp_path, turned):
    lines = [*page_of(PROSE, top=500), (60, 250, "Part"), (200, 250, "Torque")]
    found = read_document(write_pdf(tmp_path / "a.pdf", [lines], turned=turned))
    assert found.text == "\n\n".join([*PROSE, "Part\tTorque"])


def test_rows_of_a_table_that_runs_over_pages_stay(tmp_path):
    pages = [[(60, 800 - 12 * i, f"{60 * p + i}   OK") for i in range(60)] for p in range(3)]
    found = read_document(write_pdf(tmp_path / "a.pdf", pages))
    assert found.text.split() == " ".join(f"{i} OK" for i in range(180)).split()


def test_a_paragraph_goes_on_in_the_next_column_and_on_the_next_page(tmp_path):
    lines = set_lines(" ".join(PROSE))
    parts = lines[:3], lines[3:6], lines[6:]
    pages = [
        [(60, 700 - 12 * i, line) for i, line in enumerate(parts[0])]
        + [(320, 700 - 12 * i, line) for i, line in enumerate(parts[1])],
        [(60, 700 - 12 * i, line) for i, line in enumerate(parts[2])],
    ]
    assert read_document(write_pdf(tmp_path / "a.pdf", pages)).text == " ".join(PROSE)


def test_cells_of_a_table_in_a_pdf_stand_between_tabs(tmp_path):
    rows = [("Part", "Torque", "Verdict"), ("A-1", "12.5", "OK"), ("A-2", "19.8", "NG")]
    lines = [
        (left, 500 - 20 * i, cell)
        for i, row in enumerate(rows)
        for left, cell in zip((60, 160, 260), row, strict=True)
    ]
    found = read_document(write_pdf(tmp_path / "a.pdf", [[*page_of(PROSE[:1]), *lines]]))
    assert found.text == "\n\n".join([PROSE[0], "\n".join(map("\t".join, rows))])


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["we have more infor-", "mation on cracks"], "we have more information on cracks"),
        (
            ["of the weld-seam, a weld-", "seam that cracks"],
            "of the weld-seam, a weld-seam that cracks",
        ),
        (
            ["information in formation, in-", "formation on it"],
            "information in formation, information on it",
        ),
        (["the part of type AB-", "12 has no cracks"], "the part of type AB-12 has no cracks"),
        (
            ["test rig, long test-", "rig runs, a long test"],
            "test rig, long test-rig runs, a long test",
        ),
    ],
)
def test_hyphens_at_the_ends_of_lines_stay_where_they_are_part_of_a_word(tmp_path, lines, text):
    page_lines = [(60, 700 - 12 * i, line) for i, line in enumerate([*lines, "."])]
    found = read_document(write_pdf(tmp_path / "a.pdf", [page_lines])).text
    assert found.split(" .")[0].split("\n")[0] == text


def line(text, bottom, *, left=60.0, width=None):
    """Return a line of Japanese, 10 points a sign."""
    right = left + (10.0 * len(text) if width is None else width)
    return Line(text, left, right, bottom, bottom + 10, first_width=10.0)


def test_japanese_lines_are_joined_without_blanks_and_parted_where_they_are_indented():
    first = ["\u3000ポンプの溶接部に亀裂が", "見つかったため在庫を全", "数選別した。三個に同じ"]
    second = ["亀裂があった。", "\u3000線材を変えた後に試験", "をしていない。"]
    lines = [line(own, 700.0 - 15 * i) for i, own in enumerate([*first, *second])]
    text = joined_lines([Page(lines, 230.0, 842.0)])
    assert text.split("\n\n") == [
        "\u3000ポンプの溶接部に亀裂が見つかったため在庫を全数選別した。三個に同じ亀裂があった。",
        "\u3000線材を変えた後に試験をしていない。",
    ]


def test_japanese_paragraphs_of_one_line_are_parted_where_they_are_indented():
    lines = ["\u3000弁の漏れ。", "\u3000増し締めをした。", "対策済み。"]
    text = joined_lines(
        [Page([line(own, 700.0 - 15 * i) for i, own in enumerate(lines)], 595.0, 842.0)]
    )
    assert text == "\u3000弁の漏れ。\n\n\u3000増し締めをした。\n対策済み。"


def test_lines_that_are_not_even_may_end_somewhat_before_the_edge():
    ends = (0, 9, 4, 8, 60)
    lines = [
        Line(f"line{i}", 60.0, 300.0 - end, 700.0 - 12 * i, 710.0 - 12 * i, first_width=3.0)
        for i, end in enumerate(ends)
    ]
    assert joined_lines([Page(lines, 595.0, 842.0)]) == "line0 line1 line2 line3 line4"


def test_blanks_of_a_narrow_column_with_even_edges_are_no_tabs():
    texts = ["wide\tblanks\there", "the words of a line", "and of one more"]
    lines = [
        Line(own, 60.0, 300.0 - 80 * (i == 2), 700.0 - 12 * i, 710.0 - 12 * i, first_width=20.0)
        for i, own in enumerate(texts)
    ]
    assert joined_lines([Page(lines, 595.0, 842.0)]) == (
        "wide blanks here the words of a line and of one more"
    )


def test_what_a_gap_parts_is_not_joined_even_if_no_full_stop_is_there(tmp_path):
    first = "All parts in stock were sorted by hand in the warehouse yesterday"
    whole = [page_of([first, *PROSE], n_chars=len(first))]
    found = read_document(write_pdf(tmp_path / "a.pdf", whole)).text
    assert found.split("\n\n") == [first, *PROSE]
    lines = [(60, 700, "Report 7"), (60, 670, "Sato")]
    assert read_document(write_pdf(tmp_path / "b.pdf", [lines])).text == "Report 7\n\nSato"


def test_what_repeats_in_the_middle_of_pages_stays(tmp_path):
    pages = [
        [(60, 800, "ACME"), (60, 560, "Found at the weld"), (60, 540, f"in part {7 * i}")]
        for i in range(3)
    ]
    found = read_document(write_pdf(tmp_path / "a.pdf", pages)).text
    assert found.split() == [
        own for i in range(3) for own in f"Found at the weld in part {7 * i}".split()
    ]


def test_what_a_list_has_in_front_of_its_items_is_no_cell(tmp_path):
    lines = [
        (60, 700, "1."),
        (90, 700, "sort the stock"),
        (60, 688, "-"),
        (90, 688, "test the wire"),
    ]
    found = read_document(write_pdf(tmp_path / "a.pdf", [lines])).text
    assert found == "1. sort the stock\n- test the wire"


def test_lines_that_are_short_by_themselves_are_not_joined():
    lines = [
        line(own, 700.0 - 15 * i) for i, own in enumerate(["品番：A-1", "数量：12", "判定：否"])
    ]
    assert joined_lines([Page(lines, 595.0, 842.0)]) == "品番：A-1\n数量：12\n判定：否"


def test_scans_locked_and_broken_pdfs_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"\(2 pages, as of a scan\); expected text; have its"):
        read_document(write_pdf(tmp_path / "scan.pdf", [[], []]))
    lock = f"/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{'0' * 64}>/U<{'0' * 64}>>>"
    for path in (
        write_pdf(tmp_path / "locked.pdf", [page_of(PROSE)], trailer=lock),
        tmp_path / "broken.pdf",
    ):
        (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4\nbroken")
        with pytest.raises(InputError, match="which PDFium cannot read"):
            read_document(path)


def test_fields_of_forms_are_said_not_to_be_read(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", [page_of(PROSE)], catalog="/AcroForm<</Fields[]>>")
    assert read_document(path).notices[0].startswith("what is filled into the fields of a PDF")


def test_pages_without_text_are_said(tmp_path):
    found = read_document(write_pdf(tmp_path / "a.pdf", [page_of(PROSE), []]))
    assert (found.text, found.notices) == (
        "\n\n".join(PROSE),
        ("pages without text, as of a scan, are left out",),
    )


# Mails and pages


def as_mail(content, headers=""):
    return mail(io.BytesIO(f"From: a@b.c\nSubject: s\n{headers}\n".encode() + content), "a.eml")


def test_mails_are_read_in_the_encoding_that_they_say_and_else_in_the_one_they_look_like():
    text = "①号機の溶接部に割れがあります。"
    for said, own in (("shift_jis", "cp932"), ("us-ascii", "utf-8"), ("nobody-knows", "cp932")):
        headers = f"Content-Type: text/plain; charset={said}\n"
        assert as_mail(text.encode(own), headers).text == text
    html = as_mail(f"<p>{text}<p>㈱".encode("cp932"), "Content-Type: text/html; charset=cp932\n")
    assert html.text == f"{text}\n\n㈱"


def test_attachments_are_said_and_dates_that_are_none_are_empty():
    parts = "--q\n\n{}\n--q\nContent-Disposition: attachment; filename=a.pdf\n\n%PDF\n--q--"
    headers = "Date: soon\nContent-Type: multipart/mixed; boundary=q\n"
    found = as_mail(parts.format("leak").encode(), headers)
    assert (found.text, found.date) == ("leak", None)
    assert found.notices == ("attachments of mails are not read",)


@pytest.mark.parametrize(
    ("body", "own", "quoted"),
    [
        ("No.\n\n-----Original Message-----\nFrom: Bob\n\nYes?", "No.", "Original Message"),
        ("了解。\n\n差出人: 佐藤\n送信日時: 12月1日\n\n確認願います。", "了解。", "確認願います。"),
        ("> One?\nYes.\n> Two?\nNo.", "Yes.\nNo.", "> One?\n> Two?"),
        ("> all of it\n> is quoted", "> all of it\n> is quoted", ""),
        ("From: our view it cracked.\nAll well.", "From: our view it cracked.\nAll well.", ""),
    ],
)  # fmt: skip
def test_what_a_mail_quotes_stands_apart(body, own, quoted):
    found = parted(body)
    assert found[0] == own
    assert quoted in found[1]
    assert bool(found[1]) == bool(quoted)


def test_mails_of_outlook_are_read_too(tmp_path):
    path = write_outlook_mail(tmp_path / "a.msg", "了解。\r\n\r\n> 止める？\r\n", "割れ")
    found = read_document(path)
    assert (found.text, found.quoted, found.title) == ("了解。", "> 止める？", "割れ")
    assert (found.author, found.date) == ("<a@b.c >", "2026-12-02 09:30:00")
    for broken in (b"no mail", path.read_bytes()[:3000], path.read_bytes()[:600]):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="which is no mail that can be read"):
            read_document(path)


def test_pages_show_what_a_reader_sees():
    html = (
        "<head><title>t</title><style>p {}</style></head><body><div>a</div><div>b<br>c</div>"
        "<ul><li>x<li>y</ul><p hidden>no</p><p>z<span style='display: none'>no<br></span>&amp;"
        "<script>no()</script><pre>k\n  l</pre>"
        "<table><tr><td><p>Dear,</p><p>news</p><table><tr><td>A<td><p>1</table></table>end"
    )
    assert page(html).text.split("\n\n") == [
        "a\nb\nc", "x\ny", "z&", "k\n  l", "Dear,", "news", "A\t1", "end",
    ]  # fmt: skip


def test_pages_are_read_in_the_encoding_that_they_say(tmp_path):
    path = tmp_path / "a.html"
    path.write_bytes('<meta charset="windows-1251"><p>Насос</p>'.encode("cp1251"))
    assert read_document(path).text == "Насос"  # too short a text to be guessed


def test_tables_in_tables_without_end_take_no_time():
    reader = _Reader()
    reader.feed("<table>x" * 5_000)
    assert len(reader._tables) == 50  # all of which each text looks through
    assert reader.text().count("x") == 5_000
