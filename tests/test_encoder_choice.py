"""Which sentence encoder "auto" means."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_encoders import save_word_encoder
from work_orders import NORMAL

from polar_detect import PolarDetector, SignatureTransformer, models
from polar_detect.errors import ModelNotFoundError
from polar_detect.models import AUTO_ENCODER, DEFAULT_ENCODER, LocalModel
from polar_detect.pipeline.engine import encoder_for

DATA = Path(__file__).parent.parent / "data"
JAPANESE = pd.read_csv(DATA / "work_orders_ja_train.csv")["text"].head(120).tolist()
GERMAN = ["Die Hydraulikpumpe verliert Öl und muss morgen ausgetauscht werden."]
FRENCH = [
    "La pompe hydraulique fuit et doit être remplacée demain matin.",
    "Merci de vérifier que la vanne se ferme encore correctement.",
    "Installation du module de communication : vérifier la version du format de configuration.",
]
HINDI = ["बायाँ पंप बदला गया", "तेल की नली से रिसाव", "हवा साफ़ की", "लाइन २ पर पेटी ठीक की"]
TAMIL = ["இடது பம்பு மாற்றப்பட்டது", "அழுத்த மானி கசிகிறது"]
KHMER = ["ផ្ទាំងបញ្ជាមានសំឡេងខុសធម្មតា", "បានប្តូរវ៉ាល់សុវត្ថិភាព"]
TERSE = [
    "c/o bkt teeth & adptrs RHS",
    "repl worn cutting edge bolts",
    "hyd hose leak boom cylinder",
]
CODES = ["0x00544eb8 12:30 --", "A-113 7/9", ""]


@pytest.fixture
def multilingual(minilm, tmp_path, monkeypatch) -> str:  # noqa: ARG001 - skips where there is none
    """Put a tiny encoder in the place of the multilingual one, which is too large to fetch here."""
    name = str(save_word_encoder(tmp_path / "many-languages"))
    monkeypatch.setattr(models, "MULTILINGUAL_ENCODER", name)
    return name


@pytest.mark.parametrize("texts", [JAPANESE, GERMAN, FRENCH, HINDI, TAMIL, KHMER])
def test_other_languages_get_the_multilingual_encoder(multilingual, texts):
    assert encoder_for(texts) == multilingual


@pytest.mark.parametrize("texts", [NORMAL, TERSE, CODES, []])
def test_english_and_what_is_no_language_get_the_default_one(multilingual, texts):
    assert encoder_for(texts) == DEFAULT_ENCODER != multilingual


def test_texts_of_two_languages_get_the_multilingual_encoder_in_any_order(multilingual):
    english = [f"{text} {i}" for i, text in enumerate(NORMAL * 10)]
    mixed = [*english, *(f"{text}{i}" for i, text in enumerate(JAPANESE * 10))]
    assert len(english) > 500  # more than are looked at
    assert encoder_for(mixed) == encoder_for(mixed[::-1]) == multilingual
    assert encoder_for(english) == DEFAULT_ENCODER  # control


def test_a_named_encoder_is_taken_as_it_is(multilingual):
    assert encoder_for(JAPANESE, DEFAULT_ENCODER) == DEFAULT_ENCODER
    assert encoder_for(NORMAL, multilingual) == multilingual


def test_a_multilingual_encoder_that_cannot_be_had_is_an_error_with_a_way_out(monkeypatch, minilm):
    def resolve(name: str) -> LocalModel:
        if name == DEFAULT_ENCODER:
            return minilm
        raise ModelNotFoundError("Got no network; expected one; connect.")

    monkeypatch.setattr(models, "resolve", resolve)
    assert encoder_for(NORMAL) == DEFAULT_ENCODER  # it is not asked for in vain
    with pytest.raises(ModelNotFoundError, match=r"Got no network.*encoder minilm does without it"):
        encoder_for(JAPANESE)


@pytest.mark.slow
def test_a_detector_keeps_its_setting_and_saves_the_encoder_that_it_has(
    multilingual, tiny_folder, tmp_path, monkeypatch
):
    few = JAPANESE[:70]
    detector = PolarDetector(model=str(tiny_folder)).fit(few)
    assert detector.encoder == AUTO_ENCODER
    assert detector.encoder_ == multilingual
    monkeypatch.chdir(tmp_path)
    (tmp_path / AUTO_ENCODER).mkdir()  # no folder of the user's is meant
    assert detector.fit(NORMAL).encoder_ == DEFAULT_ENCODER
    detector.fit(few).save("saved")
    loaded = PolarDetector.load("saved")
    assert loaded.encoder == multilingual
    own, others = (d.score_samples(JAPANESE[:9]) for d in (loaded, detector))
    np.testing.assert_array_equal(own, others)


@pytest.mark.slow
def test_signatures_have_the_encoder_of_their_language(multilingual, tiny_folder):
    signatures = SignatureTransformer(model=str(tiny_folder))
    assert signatures.fit(JAPANESE).engine_.encoder_model.name == multilingual
    assert signatures.fit(NORMAL).engine_.encoder_model.name == DEFAULT_ENCODER
