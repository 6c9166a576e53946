"""Models and tokenizers that do without transformers are held against transformers' own."""

import copy
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_encoders import ENCODERS, save_tiny_encoder
from tiny_models import CONFIGS, VOCABULARY, save_tiny

from polar_detect.backbone import hugging_face, loading
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.encoder import EncoderBackbone
from polar_detect.backbone.native import bert, llama, tokenizer
from polar_detect.numerics.products import lay_out
from polar_detect.signature.reading.encoder import Encoder

TEXTS = [
    "The hydraulic pump leaks oil at the left valve.", "", "   ", "油圧ポンプから油漏れあり。",
    "<|im_start|>user\nhi<|im_end|> <|endoftext|>", "[CLS] spelled [MASK] out [SEP] <s> </s>",
    "ﬁne Ünïcödé ｶﾅ 😀😀", "a\x00b\u200bc\r\n\tend", "WO-4711/12 3.50 mm ±0,02", "x" * 3000,
    *(f"The {word} is stuck again, see order {i}." for i, word in enumerate("abcdefgh")),
]  # fmt: skip
CALLS = [
    {"add_special_tokens": False, "split_special_tokens": True, "return_offsets_mapping": True},
    {"truncation": True, "max_length": 12, "return_special_tokens_mask": True},
    {"add_special_tokens": False, "return_offsets_mapping": True, "verbose": False},
]


def changed(config, **settings):
    config = copy.deepcopy(config)
    for name, value in settings.items():
        setattr(config, name, value)
    return config


DECODERS = {
    "grouped": CONFIGS["llama"],
    "tied": changed(CONFIGS["llama"], tie_word_embeddings=True),
    "wide heads": changed(CONFIGS["llama"], head_dim=16, num_key_value_heads=4),
    "other positions": changed(
        CONFIGS["llama"], rope_parameters={"rope_type": "default", "rope_theta": 77.0}
    ),
    "other epsilon": changed(CONFIGS["llama"], rms_norm_eps=0.1),
}


def token_ids(n_vocabulary):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randint(n_vocabulary, shape, generator=generator)
        for shape in ((1, 1), (2, 5), (3, 17), (1, 64))
    ]


def frozen(model):
    return model.eval().requires_grad_(requires_grad=False)


@torch.no_grad()
def assert_same_logits(folder):
    own = frozen(llama.load(folder))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    for ids in token_ids(own.config.vocab_size):
        expected = theirs(input_ids=ids, use_cache=False).logits
        assert expected.std() > 0.01
        assert torch.equal(own(ids).logits, expected)


@torch.no_grad()
def assert_same_states(folder):
    own = frozen(bert.load(folder))
    theirs = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    for ids in token_ids(own.config.vocab_size):
        ids += ids == own.config.pad_token_id
        expected = theirs(input_ids=ids, output_hidden_states=True)
        found = own(ids)
        assert len(found.hidden_states) == len(expected.hidden_states)
        for state, other in zip(found.hidden_states, expected.hidden_states, strict=True):
            assert torch.equal(state, other)
        assert torch.equal(found.last_hidden_state, expected.last_hidden_state)


def assert_same_tokens(folder):
    own, theirs = tokenizer.load(folder), transformers.AutoTokenizer.from_pretrained(folder)
    assert len(own) == len(theirs)
    for name in ("bos_token_id", "eos_token_id", "unk_token_id", "pad_token_id"):
        assert getattr(own, name) == getattr(theirs, name)
    for call in CALLS:
        found, expected = own(TEXTS, **call), theirs(TEXTS, **call)
        for key in found:
            assert found[key] == expected[key], key
        assert len(found) == 2
    for ids in found["input_ids"]:
        assert own.decode(ids) == theirs.decode(ids)


def test_the_embedded_decoder_is_transformers_own_bit_for_bit(smollm2):
    assert_same_logits(smollm2.folder)
    assert_same_tokens(smollm2.folder)


def test_the_embedded_encoder_is_transformers_own_bit_for_bit(minilm):
    assert_same_states(minilm.folder)
    assert_same_tokens(minilm.folder)


@pytest.mark.slow
@torch.no_grad()
def test_the_embedded_decoder_has_the_same_forms_of_its_layers_bit_for_bit(smollm2):
    own = Backbone.load(smollm2.folder)
    theirs = Backbone(*hugging_face.load_decoder(smollm2.folder))
    assert isinstance(own.model, llama.Llama)
    assert isinstance(theirs.model, transformers.LlamaForCausalLM)
    ids = torch.arange(3 * 9).view(3, 9)
    states = own.embed(ids)
    assert torch.equal(states, theirs.embed(ids))
    gradient = torch.randn(states.shape, generator=torch.Generator().manual_seed(0))
    for layer in (*range(own.n_precise + 2), own.n_layers - 1):  # those between are called alike
        for form in ("quick", "precise", "rough"):
            found, expected = (b.apply(layer, states, form=form) for b in (own, theirs))
            assert torch.equal(found, expected), (layer, form)
        found, expected = (b.pull_back(layer, states, gradient) for b in (own, theirs))
        assert torch.equal(found, expected), layer
        states = own.apply(layer, states)
    assert torch.equal(own.logits(states), theirs.logits(states))


@torch.no_grad()
def test_the_embedded_encoder_is_read_and_has_quick_forms_bit_for_bit(minilm):
    own, theirs = (
        load(minilm.folder) for load in (loading.load_encoder, hugging_face.load_encoder)
    )
    assert isinstance(own[0], bert.Bert)
    assert isinstance(theirs[0], transformers.BertModel)
    found, expected = (
        Encoder(lay_out(model), cutter).read(TEXTS) for model, cutter in (own, theirs)
    )
    assert np.array_equal(found.embeddings, expected.embeddings)
    assert np.array_equal(found.trajectory, expected.trajectory)
    for text, same in zip(found.tokens.texts, expected.tokens.texts, strict=True):
        assert np.array_equal(text.states, same.states)
    one, other = (EncoderBackbone(*parts) for parts in (own, theirs))
    states = one.embed(torch.arange(200, 218).view(2, 9))
    for layer in range(one.n_layers):
        assert torch.equal(one.apply(layer, states), other.apply(layer, states))


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_of_other_shapes_are_the_same_too(name, tmp_path):
    folder = save_tiny(DECODERS[name], tmp_path)
    assert_same_logits(folder)
    assert_same_tokens(folder)


def test_settings_of_older_models_that_say_no_size_of_heads_are_known(tiny_folder, tmp_path):
    folder = copied(tiny_folder, tmp_path)
    rewrite(folder / "config.json", head_dim=None)
    assert_same_logits(folder)


def test_special_tokens_that_only_the_settings_name_are_special_too(tiny_folder, tmp_path):
    folder = copied(tiny_folder, tmp_path)
    rewrite(folder / "tokenizer.json", added_tokens=[])
    assert_same_tokens(folder)
    assert set(tokenizer.load(folder)(["a </s> <s> b"])["input_ids"][0]) >= {0, 1}


def test_an_encoder_of_another_shape_is_the_same_too(tmp_path):
    folder = save_tiny_encoder("bert", tmp_path)
    assert_same_states(folder)


def test_weights_in_half_precision_are_read_in_float32(tiny_folder, tmp_path):
    folder = copied(tiny_folder, tmp_path)
    weights = {n: w.bfloat16() for n, w in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert_same_logits(folder)
    assert frozen(llama.load(folder)).lm_head.weight.dtype == torch.float32


def copied(folder, tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def rewrite(path, **settings):
    """Change some settings of a JSON file; None takes one away."""
    found = {**json.loads(path.read_text("utf-8")), **settings}
    path.write_text(json.dumps({k: v for k, v in found.items() if v is not None}), "utf-8")


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_act": "gelu"},
        {"attention_bias": True},
        {"mlp_bias": True},
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0}},
        {"rope_parameters": {"rope_theta": 10_000.0, "factor": 2.0}},
        {"rope_parameters": {"rope_type": "default"}},
        {"rope_parameters": {"rope_theta": -1}},
        {"rope_parameters": "default"},
        {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10_000.0}},
        {"rope_scaling": {"type": "linear", "factor": 2.0}},
        {"quantization_config": {"quant_method": "gptq"}},
        {"a_new_setting": False},
        {"num_key_value_heads": None},
        {"num_key_value_heads": "two"},
        {"num_attention_heads": 0},
        {"hidden_size": 32.0},
        {"head_dim": -8},
        {"head_dim": 7},
        {"rms_norm_eps": "1e-5"},
        {"rms_norm_eps": True},
        {"num_hidden_layers": 4},
        {"intermediate_size": 40},
        {"tie_word_embeddings": True},
        {"model_type": "mistral"},
        {"model_type": None},
        {"architectures": ["MistralForCausalLM"]},
        {"architectures": None},
    ],
)
def test_a_decoder_of_which_anything_is_not_known_is_left_to_transformers(
    settings, tiny_folder, tmp_path
):
    folder = copied(tiny_folder, tmp_path)
    assert llama.load(folder) is not None  # control
    rewrite(folder / "config.json", **settings)
    assert llama.load(folder) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_act": "relu"},
        {"is_decoder": True},
        {"position_embedding_type": "relative_key"},
        {"architectures": ["BertForMaskedLM"]},
        {"num_attention_heads": 5},
        {"embedding_size": 16},
    ],
)
def test_an_encoder_of_which_anything_is_not_known_is_left_to_transformers(settings, tmp_path):
    folder = save_tiny_encoder("bert", tmp_path)
    assert bert.load(folder) is not None  # control
    rewrite(folder / "config.json", **settings)
    assert bert.load(folder) is None


@pytest.mark.parametrize("name", sorted(ENCODERS.keys() - {"bert"}))
def test_other_encoders_are_left_to_transformers(name, tmp_path):
    assert bert.load(save_tiny_encoder(name, tmp_path)) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer_class": "LlamaTokenizer"},
        {"tokenizer_class": None},
        {"tokenizer_class": "BertTokenizer"},  # it would not do what the file says
        {"clean_up_tokenization_spaces": True},
        {"add_bos_token": True},
        {"added_tokens_decoder": {}},
        {"bos_token": "<not in the vocabulary>"},
        {"bos_token": {"content": "<s>"}},
    ],
)
def test_a_tokenizer_of_which_anything_is_not_known_is_left_to_transformers(
    settings, tiny_folder, tmp_path
):
    folder = copied(tiny_folder, tmp_path)
    assert tokenizer.load(folder) is not None  # control
    rewrite(folder / "tokenizer_config.json", **settings)
    assert tokenizer.load(folder) is None


def test_what_is_left_to_transformers_by_its_settings_is_not_read_before(
    tiny_folder, tmp_path, monkeypatch
):
    read = []
    monkeypatch.setattr(tokenizer, "Tokenizer", SimpleNamespace(from_file=read.append))
    folder = copied(tiny_folder, tmp_path)
    rewrite(folder / "config.json", a_new_setting=1)
    assert loading._native(llama.load, folder) is None
    rewrite(folder / "tokenizer_config.json", tokenizer_class="LlamaTokenizer")
    assert tokenizer.load(folder) is None
    assert not read


@pytest.mark.parametrize(
    "settings", [{"do_lower_case": False}, {"strip_accents": True}, {"unk_token": "[MASK]"}]
)
def test_the_parts_of_a_bert_tokenizer_must_be_what_its_settings_say(settings, minilm, tmp_path):
    folder = copied(minilm.folder, tmp_path)
    assert tokenizer.load(folder) is not None  # control
    rewrite(folder / "tokenizer_config.json", **settings)
    assert tokenizer.load(folder) is None


@pytest.mark.parametrize(
    ("name", "agreeing", "other"),
    [
        ("special_tokens_map.json", {"bos_token": "<s>"}, {"bos_token": "</s>"}),
        ("special_tokens_map.json", {}, {"unk_token": "</s>"}),
        ("special_tokens_map.json", {}, {"bos_token": {"content": "<s>", "lstrip": True}}),
        ("added_tokens.json", {"</s>": 1}, {"pump": 128}),
        ("added_tokens.json", {}, {"<s>": 7}),
        ("added_tokens.json", {}, []),
    ],
)
def test_what_older_files_say_otherwise_of_a_tokenizer_is_left_to_transformers(
    name, agreeing, other, tiny_folder, tmp_path
):
    folder = copied(tiny_folder, tmp_path)
    (folder / name).write_text(json.dumps(agreeing), "utf-8")
    assert_same_tokens(folder)  # control
    (folder / name).write_text(json.dumps(other), "utf-8")
    assert tokenizer.load(folder) is None


def test_special_tokens_that_only_an_older_file_names_and_added_ones_are_read(
    tiny_folder, tmp_path
):
    folder = copied(tiny_folder, tmp_path)
    rewrite(folder / "tokenizer_config.json", bos_token=None)
    (folder / "special_tokens_map.json").write_text('{"bos_token": "<s>"}', "utf-8")
    assert Backbone.load(folder).start_token == 0
    (folder / "added_tokens.json").write_text('{"valve": 128}', "utf-8")
    assert loading.load_tokenizer(folder)(["valve"])["input_ids"] == [[128]]


def test_a_folder_with_an_adapter_is_left_to_transformers(tiny_folder, tmp_path):
    folder = copied(tiny_folder, tmp_path)
    (folder / "adapter_config.json").write_text("{}", "utf-8")
    assert llama.load(folder) is None


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", [None, b"", b"[]", b"{", b"\xff"])
def test_files_that_cannot_be_read_are_left_to_transformers(name, content, tiny_folder, tmp_path):
    folder = copied(tiny_folder, tmp_path)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    assert llama.load(folder) is None or tokenizer.load(folder) is None


def test_weights_that_do_not_fit_are_left_to_transformers(tiny_folder, tmp_path):
    folder = copied(tiny_folder, tmp_path)
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    weights = {name: weight.clone() for name, weight in load_file(file).items()}  # not its map
    for others in (
        {n: w for n, w in weights.items() if "layers.1.mlp.up" not in n},
        {**weights, "model.layers.0.self_attn.q_proj.bias": torch.zeros(32)},
        {**weights, "model.norm.weight": torch.zeros(VOCABULARY)},
    ):
        save_file(others, file, metadata={"format": "pt"})
        assert llama.load(folder) is None
    file.write_bytes(whole[:-100])
    assert llama.load(folder) is None
    file.unlink()
    assert llama.load(folder) is None


@pytest.mark.slow
def test_known_models_are_loaded_and_run_without_transformers(tiny_folder, tmp_path):
    encoder = save_tiny_encoder("bert", tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from polar_detect.backbone.decoder import Backbone\n"
        "from polar_detect.signature.reading.encoder import Encoder\n"
        f"backbone = Backbone.load(Path({str(tiny_folder)!r}))\n"
        f"encoder = Encoder.load(Path({str(encoder)!r}))\n"
        "encoder.read(['the pump leaks'])\nbackbone.tokenize(['the pump leaks'], 8)\n"
        "print({'transformers', 'torch._dynamo', 'sympy'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_no_weights_are_drawn_for_a_known_model(tiny_folder, tmp_path, monkeypatch):
    encoder = save_tiny_encoder("bert", tmp_path)
    drawn = []
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.Linear, "reset_parameters", lambda layer: drawn.append(layer))
        torch.nn.Linear(2, 2)  # control
        models = [llama.load(tiny_folder), bert.load(encoder)]
    assert len(drawn) == 1
    linear = [part for own in models for part in own.modules() if hasattr(part, "in_features")]
    assert {type(part) for part in linear} == {torch.nn.Linear}


def test_a_known_model_with_another_tokenizer_is_loaded_by_transformers(tiny_folder, tmp_path):
    folder = copied(tiny_folder, tmp_path)
    assert isinstance(loading.load_decoder(folder).model, llama.Llama)  # control
    rewrite(folder / "tokenizer_config.json", added_tokens_decoder={})
    loaded = loading.load_decoder(folder)
    assert isinstance(loaded.model, transformers.LlamaForCausalLM)
    assert isinstance(loaded.tokenizer, transformers.PreTrainedTokenizerBase)
