import io

import numpy as np
import pandas as pd
import pytest

from polar_detect.errors import InputError
from polar_detect.tables import ReadOptions, open_table
from polar_detect.tables.input.encodings import detect_encoding

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


POLISH = ("Wyciek oleju z siłownika", "Łożysko głośno pracuje", "Wymieniono uszczelkę, ciśnienie")
RUSSIAN = ("Заменили левый насос", "Очистили и смазали редуктор", "Течь: масляный шланг")
OTHERS = {
    "CP949 (EUC-KR)": (
        *("왼쪽 펌프 교체 완료", "안전 밸브 누유 발견", "주 모터에서 이상 소음 발생"),
        *("압력계 정기 점검", "공기 필터 청소 및 그리스 주입"),
    ),
    "GB 18030 (GBK)": (
        *("已更换左侧泵", "安全阀漏油", "主电机有异常响声，在维修车间"),
        *("清洁空气滤芯", "应操作员要求重新启动"),
    ),
    "Big5": (
        *("已更換左側幫浦", "安全閥漏油", "主馬達有異常聲響，在維修廠"),
        *("清潔空氣濾芯", "應操作員要求重新啟動"),
    ),
    "CP1250 (Windows Central European)": POLISH,
    "ISO 8859-2 (Latin-2)": (
        "Únik oleje, vyměněno těsnění",
        "čidlo vadné, chyťte",
        "Ložisko hlučí",
    ),
    "CP1254 (Windows Turkish)": ("Yağ kaçağı, conta değiştirildi", "Isı yüksek, ölçüm İPTAL"),
    "CP1251 (Windows Cyrillic)": RUSSIAN,
    "CP866 (DOS Cyrillic)": RUSSIAN,
    "KOI8-R": RUSSIAN,
    "CP1253 (Windows Greek)": ("Η αντλία δεν λειτουργεί", "Ασυνήθιστος θόρυβος από τον κινητήρα"),
    "CP1255 (Windows Hebrew)": ("הוחלף שסתום הביטחון", "רעש חריג מתיבת ההילוכים ביחידה השמאלית"),
    "CP1256 (Windows Arabic)": ("تم استبدال صمام الأمان", "صوت غير عادي من علبة التروس"),
    "CP874 (Windows Thai)": ("เปลี่ยนวาล์วนิรภัยแล้ว", "มอเตอร์หลักมีเสียงดังผิดปกติ"),
}


@pytest.mark.parametrize(("title", "texts"), OTHERS.items(), ids=OTHERS)
def test_other_encodings_are_told_where_there_is_enough_of_them(tmp_path, title, texts):
    named = {"KOI8-R": "koi8_r", "GB 18030 (GBK)": "gbk", "ISO 8859-2 (Latin-2)": "iso8859_2"}
    codec = named.get(title, title.split()[0].lower())
    text = quoted("id,text\n" + "".join(f"1,{line}\n" for line in texts * 10))
    content, reader = read_back(tmp_path, text.encode(codec))
    assert content == text.replace('"', "")
    assert reader.encoding == title


def detected(text, codec):
    return detect_encoding(io.BytesIO(text.encode(codec)), "a.csv").title


@pytest.mark.parametrize("n_rows", [2, 50])
@pytest.mark.parametrize("case", [str.lower, str.upper])
@pytest.mark.parametrize("title", ["CP1251 (Windows Cyrillic)", "CP866 (DOS Cyrillic)", "KOI8-R"])
def test_cyrillic_of_one_case_is_not_taken_for_katakana(title, case, n_rows):
    codec = "koi8_r" if title == "KOI8-R" else title.split()[0].lower()
    lines = "".join(f"{i},{RUSSIAN[i % 3]}\n" for i in range(n_rows))
    assert detected(case(f"номер,Текст\n{lines}"), codec) == title


def test_katakana_of_half_the_width_stay_katakana():
    words = "ﾎﾟﾝﾌﾟ ﾊﾞﾙﾌﾞ ｲｵﾝ ﾓｰﾀ ｶﾈﾂ ｼﾞｸｳｹ ﾒｯｷ ｴｱﾓﾚ ﾌｨﾙﾀ ｺｳｶﾝ"
    assert detected("".join(f"1,{word}\n" for word in words.split()), "cp932").startswith("CP932")
    # A word or two say too little, be it of letters that all stand behind ﾀ.
    assert detected("id,ﾒｲ\n" + "1,ﾎﾟﾝﾌﾟ\n2,ﾊﾞﾙﾌﾞ\n" * 50, "cp932").startswith("CP932")
    # Words with next to no letters before ﾀ, by themselves and beside kanji.
    late = ["ﾎﾞﾙﾄ", "ﾄﾞﾘﾙ", "ﾊﾝﾄﾞﾙ", "ﾊﾟﾈﾙ", "ﾌﾞﾚﾝﾄﾞ", "ﾀﾝﾌﾞﾙ", "ﾄﾙﾈﾄﾞ"]
    for more in ("", "交換", ",点検したが異常はない"):
        assert detected("".join(f"1,{word}{more}\n" for word in late), "cp932").startswith("CP932")


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("CP949 (EUC-KR)", "설비,온도,판정\n1,70.1,정상\n2,70.4,정상\n"),
        ("CP949 (EUC-KR)", "번호,제품,압력\n1,A,6.0\n"),
        ("GB 18030 (GBK)", "设备,温度,备注\n车床,70.1,无异常\n压力机,70.4,正常\n"),
        ("EUC-JP", "設備,温度,判定\n旋盤,70.1,正常\n油圧機,70.4,異常\n"),
        ("EUC-JP", "番号,製品,圧力,検査値,合否\n1,A,6.0,2,良\n"),
    ],
)
def test_a_few_words_tell_chinese_and_korean_from_kanji(title, text):
    assert detected(text, title.split()[0].lower() if "GB" not in title else "gbk") == title


POLISH = [
    *("pompa", "jest", "nieszczelna", "wymieniono", "łożysko", "żółty", "zawór", "ciśnienie"),
    *("późno", "źle", "część", "śruba", "gałąź", "olej", "silnik", "przegrzany", "sprawdzić"),
]


@pytest.mark.parametrize("codec", ["cp1250", "iso8859_2"])
def test_latin_words_with_letters_of_an_unknown_encoding_are_not_taken_for_arabic(codec):
    rng = np.random.default_rng(0)
    found = set()
    for _ in range(10):
        lines = [" ".join(rng.choice(POLISH, n)) for n in rng.integers(2, 10, 50)]
        content = "id,text\n" + "".join(f"1,{line}\n" for line in lines)
        found.add(detect_encoding(io.BytesIO(content.encode(codec)), "a.csv").codec)
    assert found <= {"utf-8-sig", "cp1252"}


def test_hebrew_is_not_taken_for_thai_without_consonants():
    words = [
        *("המשאבה", "דולפת", "שמן", "ליד", "הצינור", "הוחלף", "אטם", "בצד", "שמאל", "רעש", "חריג"),
        *("נבדק", "שסתום", "בטיחות", "לחץ", "גבוה", "מדי", "המנוע", "מתחמם", "בורג", "רופף"),
    ]
    rng = np.random.default_rng(0)
    for _ in range(10):
        lines = [" ".join(rng.choice(words, n)) for n in rng.integers(3, 10, 50)]
        content = "id,text\n" + "".join(f"1,{line}\n" for line in lines)
        found = detect_encoding(io.BytesIO(content.encode("cp1255")), "a.csv")
        assert found.title == "CP1255 (Windows Hebrew)"


def test_japanese_without_kana_is_taken_for_neither_chinese_nor_korean(tmp_path):
    words = "定期点検 異常音発生 軸受交換 油圧低下 冷却水漏洩 電源遮断 部品発注済 作業完了 振動測定"
    text = "id,text\n" + "".join(f"1,{word}\n" for word in words.split())
    content, reader = read_back(tmp_path, text.encode("euc_jp"))
    assert (content, reader.encoding) == (text, "EUC-JP")


def test_a_few_odd_bytes_are_broken_rows_and_no_rare_encoding(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n1,a\n2,\x81\x8d\n")
    (chunk,) = open_table(path).chunks()
    assert chunk.frame.to_numpy().tolist() == [["1", "a"]]
    assert [row.reason for row in chunk.rejected] == ["bytes that are not UTF-8"]


@pytest.mark.parametrize(
    "lines",
    [
        ("Ölverlust, Gehäuse heiß", "Prüfer Öztürk, café", "25 °C ±2 µm, 3 m³"),
        ("«fuite» à l'arrêt", "nœud cassé, maïs", "DÉFAUT CONTRÔLÉ", "N° 12, opérateur Müller"),
        ("¿revisión?", "«señal» baja", "se cambió el año", "presión"),
        ("perché è così", "già sostituita", "velocità"),
        ("vedação não trocada", "pressão, avô", "manutenção"),
        ("olielækage på cylinder", "måling før", "Übergabe"),
        ("olíuleki á strokk", "skipt um þéttingu", "það er þrýstingur", "hávaði í legu"),
        ("lekáž", "Černý"),  # so few words tell nothing
    ],
)
def test_languages_of_western_europe_are_not_taken_for_others(tmp_path, lines):
    text = quoted("id,text\n" + "".join(f"1,{line}\n" for line in lines))
    reader = read_back(tmp_path, text.encode("cp1252", "ignore"))[1]
    assert reader.encoding == "CP1252 (Windows Latin-1)"
