import builtins
import json
import shutil

import pytest
import torch
from huggingface_hub import utils as hub
from safetensors.torch import load_file, save_file
from tiny_encoders import save_tiny_encoder
from tiny_models import tiny_tokenizer
from transformers import BartConfig, BartModel
from transformers.utils import logging

from polar_detect.backbone import hugging_face
from polar_detect.backbone.loading import load_decoder, load_encoder
from polar_detect.errors import ModelError


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "model")


def bring_code(folder, file):
    """Let a configuration name Python code that leaves a trace; return the trace's path."""
    trace = folder.parent / "ran"
    code = f"from pathlib import Path\nPath({str(trace)!r}).touch()\n"
    (folder / "own.py").write_text(code + "class Own: pass\n")
    content = json.loads((folder / file).read_text())
    content |= {"model_type": "own", "tokenizer_class": "Own"}
    names = ("AutoConfig", "AutoModel", "AutoModelForCausalLM")
    content["auto_map"] = dict.fromkeys(names, "own.Own") | {"AutoTokenizer": ["own.Own", None]}
    (folder / file).write_text(json.dumps(content))
    return trace


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("load", [load_decoder, load_encoder])
def test_code_that_a_model_brings_is_not_run_and_nobody_is_asked(folder, file, load, monkeypatch):
    monkeypatch.setattr(builtins, "input", lambda *_: "yes")
    trace = bring_code(folder, file)
    with pytest.raises(ModelError, match=r"transformers cannot load \(.*custom code"):
        load(folder)
    assert not trace.exists()


@pytest.fixture
def bars():
    """Return a function that sets whether transformers and its hub show bars; both do again."""

    def set_bars(own, of_hub):
        (logging.enable_progress_bar if own else logging.disable_progress_bar)()
        (hub.enable_progress_bars if of_hub else hub.disable_progress_bars)()

    yield set_bars
    set_bars(True, True)


def bars_shown():
    return logging.is_progress_bar_enabled(), not hub.are_progress_bars_disabled()


@pytest.mark.parametrize("shown", [(True, True), (True, False), (False, True), (False, False)])
def test_loading_a_model_shows_no_bar_and_leaves_those_of_the_caller_as_they_are(
    tiny_folder, tmp_path, shown, bars, capfd
):
    bars(*shown)
    hugging_face.load_decoder(tiny_folder)
    assert bars_shown() == shown
    with pytest.raises(ModelError):
        hugging_face.load_decoder(tmp_path)
    assert bars_shown() == shown
    assert capfd.readouterr().err == ""


def test_pickled_weights_are_not_read(folder):
    load_decoder(folder)  # control
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="that transformers cannot load"):
        load_decoder(folder)


def without(folder, start):
    """Remove the tensors whose names begin so."""
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith(start)}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def test_weights_that_are_missing_are_not_made_up(folder):
    without(folder, "model.layers.1.mlp")
    with pytest.raises(ModelError, match=r"it lacks 3 tensors, among them model\.layers\.1\.mlp"):
        load_decoder(folder)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "GPTQ"),
        ({"num_attention_heads": 5}, r"The hidden size \(32\) is not a multiple"),
        ({"num_hidden_layers": "5"}, "num_hidden_layers"),
        ({"vocab_size": 200}, r"weight has \(128, 32\) numbers; its config.json says \(200, 32\)"),
    ],
    ids=["lacks a package", "heads", "text", "sizes"],
)
def test_a_reason_that_transformers_cannot_load_a_folder_is_said_in_a_line(
    folder, settings, reason
):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    with pytest.raises(ModelError, match=rf"transformers cannot load \([^\n]*{reason}"):
        load_decoder(folder)


def test_an_encoder_does_without_the_pooler_that_nobody_asks(tmp_path, capfd):
    folder = save_tiny_encoder("bert", tmp_path / "encoder")
    without(folder, "pooler")
    assert load_encoder(folder).model.config.model_type == "bert"
    assert "MISSING" not in "".join(capfd.readouterr())
    without(folder, "encoder.layer.2.output")
    with pytest.raises(ModelError, match="it lacks 4 tensors"):
        load_encoder(folder)


def test_an_encoder_with_a_decoder_beside_it_is_refused(tmp_path):
    sizes = {
        f"{part}_{what}": 1 for part in ("encoder", "decoder") for what in ("layers", "ffn_dim")
    }
    heads = {"encoder_attention_heads": 1, "decoder_attention_heads": 1}
    BartModel(BartConfig(vocab_size=128, d_model=8, **sizes, **heads)).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"cannot load \(it has a decoder beside its encoder\)"):
        load_encoder(tmp_path)


@pytest.mark.parametrize("name", ["roberta", "bert"])
@pytest.mark.parametrize("file", ["tokenizer_config.json", "tokenizer.json"])
def test_texts_are_read_from_their_start_whatever_end_a_tokenizer_would_keep(name, file, tmp_path):
    folder = save_tiny_encoder(name, tmp_path / "encoder")
    content = json.loads((folder / file).read_text())
    kept = {"direction": "Left", "max_length": 512, "strategy": "LongestFirst", "stride": 0}
    content |= {"truncation_side": "left"} if "config" in file else {"truncation": kept}
    (folder / file).write_text(json.dumps(content))
    tokenizer = load_encoder(folder).tokenizer
    (whole,) = tokenizer(["the pump leaks oil again"])["input_ids"]
    (cut,) = tokenizer(["the pump leaks oil again"], truncation=True, max_length=3)["input_ids"]
    assert cut == whole[:3] != whole[-3:]
