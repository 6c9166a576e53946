import pandas as pd
import pytest

from polar_detect.errors import InputError
from polar_detect.tables import ReadOptions, open_table

JAPANESE = {
    "sentences": "番号,内容\n1,ポンプから油漏れ、シール交換\n2,異音あり。軸受を点検した\n",
    "kanji": "番号,内容\n1,点検\n2,交換\n3,修理完了\n",
    "one short word": "id,品名\n1,部品\n",
    "half-width katakana": "ID,ﾅｲﾖｳ\n1,ﾎﾟﾝﾌﾟ ｲｵﾝ\n2,ﾓｰﾀ ｶﾈﾂ\n",
    "codes and units": "id,text\nA-100,温度 25℃ 異常\nB-2,PUMP 故障 3回目\n",
}
WESTERN = {
    "German": "id,text\n1,Ölpumpe undicht, Gehäuse prüfen\n2,Lüfter läuft schwer\n",
    "French": "id,texte\n1,fuite à l'étage, vérifier\n2,clé cassée\n",
    "units": "id,text\n1,25 °C ±2 µm\n",
    "one letter": "id,text\n1,café\n",
}


def read_back(tmp_path, content, name="a.csv", **options):
    path = tmp_path / name
    path.write_bytes(content)
    reader = open_table(path, ReadOptions(**options))
    (chunk,) = reader.chunks()
    assert chunk.rejected == ()
    header = ",".join(reader.columns)
    rows = [",".join(row) for row in chunk.frame.to_numpy().tolist()]
    return "\n".join([header, *rows, ""]), reader


def quoted(text):
    """Put the second cell in quotes, since some hold a comma."""
    return "".join(
        f'{line.split(",", 1)[0]},"{line.split(",", 1)[1]}"\n' for line in text.splitlines()
    )


@pytest.mark.parametrize("codec", ["cp932", "euc_jp", "utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", JAPANESE.values(), ids=JAPANESE)
def test_japanese_is_read_in_every_encoding_in_which_it_occurs(tmp_path, text, codec):
    content, reader = read_back(tmp_path, text.encode(codec))
    assert content == text
    is_said = any("pass --encoding" in notice for notice in reader.notices)
    assert is_said == (codec in {"cp932", "euc_jp"})


@pytest.mark.parametrize("codec", ["cp1252", "utf-8"])
@pytest.mark.parametrize("text", WESTERN.values(), ids=WESTERN)
def test_western_text_is_not_taken_for_japanese(tmp_path, text, codec):
    content, reader = read_back(tmp_path, quoted(text).encode(codec))
    assert content == text
    assert reader.encoding == ("UTF-8" if codec == "utf-8" else "CP1252 (Windows Latin-1)")


def test_circled_digits_and_company_signs_of_windows_are_read(tmp_path):
    text = "id,内容\n1,①㈱日立の部品を交換\n"
    content, reader = read_back(tmp_path, text.encode("cp932"))
    assert content == text
    assert reader.encoding == "CP932 (Shift_JIS)"
    assert read_back(tmp_path, text.encode("cp932"), encoding="shift_jis")[0] == text


def test_an_encoding_far_behind_the_beginning_is_found(tmp_path):
    rows = "1,plain ASCII\n" * 100_000 + "2,点検のため停止した\n"
    path = tmp_path / "a.csv"
    path.write_bytes(("id,text\n" + rows).encode("cp932"))
    reader = open_table(path)
    assert reader.encoding == "CP932 (Shift_JIS)"
    *_, last = reader.chunks()
    assert last.frame.iloc[-1].tolist() == ["2", "点検のため停止した"]


def test_a_given_encoding_wins_and_a_wrong_one_is_named(tmp_path):
    text = JAPANESE["sentences"]
    assert read_back(tmp_path, text.encode("utf-16-le"), encoding="utf-16-le")[0] == text
    assert read_back(tmp_path, b"id,text\n1,\xb0C\n", encoding="latin-1")[0] == "id,text\n1,°C\n"
    with pytest.raises(InputError, match=r"bytes that are not EUC-JP in the header \(line 1\)"):
        read_back(tmp_path, text.encode("cp932"), encoding="euc-jp")


@pytest.mark.parametrize("name", ["nonsense", "rot13", "base64", "a\0b"])
def test_an_unknown_encoding_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"Got --encoding .*, which is unknown; expected one such"):
        read_back(tmp_path, b"id,text\n1,a\n", encoding=name)


def test_utf_16_without_a_mark_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(InputError, match="pass --encoding utf-16-le or utf-16-be"):
        read_back(tmp_path, "id,text\n1,abc\n".encode("utf-16-le"))


def test_a_byte_order_mark_is_asked_for_where_the_input_was_not_plain_utf_8(tmp_path):
    text = JAPANESE["sentences"]
    for codec, needs_mark in {
        "utf-8": False, "utf-8-sig": True, "cp932": True, "utf-16": True,
    }.items():  # fmt: skip
        assert read_back(tmp_path, text.encode(codec))[1].needs_mark == needs_mark


def test_what_is_ascii_to_its_end_is_told_from_what_is_not(tmp_path):
    lines = "id,text\n" + "1,oil\n" * 100_000
    for text, is_ascii in ((lines, True), (lines + "2,油\n", False)):
        (tmp_path / "a.csv").write_bytes(text.encode())
        reader = open_table(tmp_path / "a.csv")
        assert (reader.is_ascii, reader.needs_mark) == (is_ascii, False)
    assert not read_back(tmp_path, b"id,text\n1,oil\n", encoding="utf-8")[1].is_ascii


def test_a_csv_made_of_a_workbook_begins_with_a_byte_order_mark(tmp_path):
    pd.DataFrame({"text": ["oil"]}).to_excel(tmp_path / "a.xlsx", index=False)
    pd.DataFrame({"text": ["oil"]}).to_parquet(tmp_path / "a.parquet", index=False)
    assert open_table(tmp_path / "a.xlsx").needs_mark
    assert not open_table(tmp_path / "a.parquet").needs_mark


def test_other_encodings_are_told_by_a_library_when_there_is_enough_of_them(tmp_path):
    text = "id,text\n" + "1,Насос протекает, заменить уплотнение\n".replace("т, ", "т ") * 20
    content, reader = read_back(tmp_path, text.encode("cp1251"))
    assert (content, reader.encoding) == (text, "cp1251")


def test_a_few_odd_bytes_are_broken_rows_and_no_rare_encoding(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n1,a\n2,\x81\x8d\n")
    (chunk,) = open_table(path).chunks()
    assert chunk.frame.to_numpy().tolist() == [["1", "a"]]
    assert [row.reason for row in chunk.rejected] == ["bytes that are not UTF-8"]
