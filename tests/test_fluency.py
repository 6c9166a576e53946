from pathlib import Path

import pandas as pd
import pytest
from tiny_models import tiny_tokenizer
from transformers import AutoTokenizer

from polar_detect.models import MULTILINGUAL_ENCODER, MULTILINGUAL_MODEL
from polar_detect.models.fluency import advise, speaks

DATA = Path(__file__).parent.parent / "data"
GERMAN = [
    "Die Hydraulikpumpe verliert Öl und muss morgen ausgetauscht werden.",
    "Bitte prüfen Sie, ob das Ventil noch richtig schließt.",
    "Der Motor läuft unruhig und macht seltsame Geräusche.",
]
LOGS = [
    "081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block "
    "blk_38865049064139660 terminating",
    "generating core.2275 0x00544eb8 exited abnormally with code 0xfffffff1",
    "sshd(pam_unix)[19939]: authentication failure; logname= uid=0 euid=0 tty=NODEVssh "
    "ruser= rhost=218.188.2.4",
]
TERSE = [
    "c/o bkt teeth & adptrs RHS",
    "repl worn cutting edge bolts",
    "hyd hose leak boom cylinder",
]
CHINESE = ["液压泵漏油，明天必须更换。", "我想知道我的账户里有多少钱。"]
HINDI = ["बायाँ पंप बदला गया", "तेल की नली से रिसाव", "हवा साफ़ की", "लाइन २ पर पेटी ठीक की"]
RUSSIAN = ["Гидравлический насос теряет масло, и завтра его нужно заменить."]

# Each of two sentences.
OTHERS = {
    "Arabic": ("تم استبدال محمل المضخة بعد انتهاء الوردية", "يجب فحص صمام الأمان كل أسبوع"),
    "Persian": ("یاتاقان پمپ تعویض شد و نشتی روغن بررسی گردید", "صدای غیرعادی از موتور اصلی"),
    "Hebrew": ("הוחלף שסתום הביטחון ונבדקה דליפת השמן", "רעש חריג מתיבת ההילוכים ביחידה השמאלית"),
    "Greek": (
        "Η αντλία δεν λειτουργεί και πρέπει να αλλαχτεί",
        "Ασυνήθιστος θόρυβος από τον κινητήρα",
    ),
    "Thai": ("เปลี่ยนวาล์วนิรภัยแล้วและตรวจสอบ", "มอเตอร์หลักมีเสียงดังผิดปกติ"),
    "Chinese": ("已更换左侧泵的轴承并检查了漏油情况", "主电机有异常响声，需要停机检查"),
    "Czech": ("Ložisko čerpadla bylo vyměněno", "Z hlavního motoru se ozývá neobvyklý hluk"),
    "Hungarian": ("A szivattyú csapágyát kicserélték", "A főmotorból szokatlan zaj hallatszik"),
    "Polish": ("Wymieniono łożysko pompy", "Z głównego silnika dochodzi nietypowy hałas"),
    "Ukrainian": ("Замінено підшипник насоса", "Незвичний шум з головного двигуна"),
}
AMHARIC = ["የፓምፑ ተሸካሚ ተቀይሯል እና የዘይት መፍሰስ ተፈትሿል"]


def texts_of(file: str) -> list[str]:
    return pd.read_csv(DATA / file)["text"].head(100).tolist()


@pytest.fixture(scope="module")
def english(smollm2):
    return AutoTokenizer.from_pretrained(smollm2.folder, local_files_only=True)


@pytest.fixture(scope="module")
def multilingual(gemma3_folder):
    return AutoTokenizer.from_pretrained(gemma3_folder, local_files_only=True)


@pytest.mark.parametrize("texts", [texts_of("work_orders_train.csv"), LOGS, TERSE])
def test_english_logs_and_terse_notes_are_spoken_by_the_default_model(english, texts):
    fluency = speaks(english, texts)
    assert fluency.is_spoken
    assert fluency.letters_per_token > 3.5
    assert fluency.advice is None


@pytest.mark.parametrize(
    ("texts", "most"),
    [
        *((texts_of("work_orders_ja_train.csv"), 0.5), (CHINESE, 0.5), (HINDI, 1)),
        *((RUSSIAN, 1.5), (GERMAN, 3.0)),
    ],
)
def test_other_languages_are_not_spoken_by_the_default_model(english, texts, most):
    fluency = speaks(english, texts)
    assert not fluency.is_spoken
    assert fluency.letters_per_token < most
    assert f"--model {MULTILINGUAL_MODEL} is multilingual" in fluency.advice


@pytest.mark.parametrize("texts", [texts_of("work_orders_ja_train.csv"), GERMAN])
def test_the_encoder_is_english_too(minilm, texts):
    tokenizer = AutoTokenizer.from_pretrained(minilm.folder, local_files_only=True)
    assert not speaks(tokenizer, texts).is_spoken
    assert speaks(tokenizer, texts_of("work_orders_train.csv")).is_spoken


@pytest.mark.slow
@pytest.mark.parametrize(
    "texts", [texts_of("work_orders_ja_train.csv"), CHINESE, RUSSIAN, GERMAN, LOGS]
)
def test_all_of_them_are_spoken_by_the_multilingual_model(multilingual, texts):
    assert speaks(multilingual, texts, model_name=MULTILINGUAL_MODEL).is_spoken


@pytest.mark.parametrize("texts", OTHERS.values(), ids=OTHERS)
def test_what_the_multilingual_model_is_recommended_for_it_does_not_disown(
    english, multilingual, texts
):
    assert f"--model {MULTILINGUAL_MODEL} is multilingual" in speaks(english, texts).advice
    assert speaks(multilingual, texts, model_name=MULTILINGUAL_MODEL).advice is None


def test_what_a_large_vocabulary_cuts_into_single_letters_is_not_spoken(multilingual):
    fluency = speaks(multilingual, AMHARIC, model_name=MULTILINGUAL_MODEL)
    assert fluency.letters_per_token < 1.5
    assert "2.0 or more where it does" in fluency.advice


def test_the_multilingual_model_is_not_recommended_in_its_own_place(english):
    advice = speaks(english, GERMAN, model_name=MULTILINGUAL_MODEL).advice
    assert MULTILINGUAL_MODEL not in advice
    assert advice.endswith("choose a model of that language with --model.")


@pytest.mark.parametrize("texts", [[], [""], ["   ", "12:30 0x00 --"], ["SEAL LEAK ABC"], ["ok"]])
def test_too_little_text_says_nothing(english, texts):
    fluency = speaks(english, texts)
    assert fluency.is_spoken
    assert fluency.letters_per_token != fluency.letters_per_token
    assert fluency.advice is None


def test_a_few_words_that_each_row_says_again_do_not_tell_a_language(minilm):
    tokenizer = AutoTokenizer.from_pretrained(minilm.folder, local_files_only=True)
    rows = [f"conc [ppm]: {i / 7:.2f}; rate [l/s]: {i / 9:.1f}" for i in range(200)]
    assert speaks(tokenizer, rows, kind="encoder").is_spoken
    for other in ("zweite Kaltwasserleitung", "異常なし"):  # control
        more = [f"{row}; {other}: {i}" for i, row in enumerate(rows)]
        assert not speaks(tokenizer, more, kind="encoder").is_spoken


def test_unknown_letters_count_nothing():
    fluency = speaks(tiny_tokenizer(), ["油圧ポンプの異音を確認した。" * 3])
    assert (fluency.letters_per_token, fluency.is_spoken) == (0, False)


def test_a_text_longer_than_the_model_reads_gives_no_warning(minilm):
    tokenizer = AutoTokenizer.from_pretrained(minilm.folder, local_files_only=True)
    assert speaks(tokenizer, ["the pump leaks oil " * 1000]).is_spoken


def test_the_default_encoder_is_told_from_a_multilingual_one(minilm):
    tokenizer = AutoTokenizer.from_pretrained(minilm.folder, local_files_only=True)
    for texts in (texts_of("work_orders_train.csv"), LOGS, TERSE):
        assert speaks(tokenizer, texts, kind="encoder").advice is None
    for texts in (texts_of("work_orders_ja_train.csv"), GERMAN, RUSSIAN):
        advice = speaks(tokenizer, texts, kind="encoder").advice
        assert "The sentence encoder hardly speaks" in advice
        assert advice.endswith(f"--encoder {MULTILINGUAL_ENCODER} is multilingual.")
    own = speaks(tokenizer, GERMAN, kind="encoder", model_name=MULTILINGUAL_ENCODER).advice
    assert own.endswith("choose a sentence encoder of that language with --encoder.")


def test_shorter_pieces_will_do_where_many_languages_share_a_vocabulary(minilm, monkeypatch):
    tokenizer = AutoTokenizer.from_pretrained(minilm.folder, local_files_only=True)
    monkeypatch.setattr("polar_detect.models.fluency._SHARED_VOCABULARY", 1000)
    assert speaks(tokenizer, GERMAN, kind="encoder").is_spoken
    assert not speaks(tokenizer, GERMAN, kind="model").is_spoken  # only encoders were measured
    assert "2.2 or more" in speaks(tokenizer, RUSSIAN, kind="encoder").advice


def test_both_models_are_advised_on(english, minilm):
    encoder = AutoTokenizer.from_pretrained(minilm.folder, local_files_only=True)
    names = {"model_name": "smollm2", "encoder_name": "minilm"}
    assert advise(english, encoder, TERSE, **names) == []
    model, sentences = advise(english, encoder, texts_of("work_orders_ja_train.csv"), **names)
    assert f"--model {MULTILINGUAL_MODEL}" in model
    assert f"--encoder {MULTILINGUAL_ENCODER}" in sentences
