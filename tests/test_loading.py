import builtins
import json
import shutil

import pytest
import torch

from polar_detect.errors import ModelError
from polar_detect.loading import load_decoder, load_encoder


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


def test_pickled_weights_are_not_read(folder):
    load_decoder(folder)  # control
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="that transformers cannot load"):
        load_decoder(folder)
