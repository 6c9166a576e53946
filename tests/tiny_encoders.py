"""Random encoders of many architectures, as `tiny_models` has decoders."""

import copy
from pathlib import Path

import torch
from tiny_models import (
    MAX_POSITIONS,
    SHAPE,
    VOCABULARY,
    byte_level_tokenizer,
    tiny_tokenizer,
    with_random_parameters,
)
from tokenizers import pre_tokenizers
from transformers import (
    AutoModel,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    LlamaConfig,
    LukeConfig,
    ModernBertConfig,
    MPNetConfig,
    RobertaConfig,
    XLMRobertaConfig,
    XmodConfig,
)
from work_orders import NORMAL

_OF_DECODERS = {"num_key_value_heads", "bos_token_id", "eos_token_id"}
_SHAPE = {name: size for name, size in SHAPE.items() if name not in _OF_DECODERS}
ENCODERS = {
    "bert": BertConfig(**_SHAPE),
    "roberta": RobertaConfig(**_SHAPE),
    "xlm-roberta": XLMRobertaConfig(**_SHAPE),
    "mpnet": MPNetConfig(**_SHAPE),
    "distilbert": DistilBertConfig(
        vocab_size=VOCABULARY,
        dim=32,
        hidden_dim=48,
        n_layers=5,
        n_heads=4,
        max_position_embeddings=MAX_POSITIONS,
        pad_token_id=1,
    ),
    "deberta-v2": DebertaV2Config(
        **_SHAPE,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_buckets=8,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        position_biased_input=False,
        type_vocab_size=0,
    ),
    "electra": ElectraConfig(**_SHAPE, embedding_size=16),
    "luke": LukeConfig(**_SHAPE, entity_vocab_size=8, entity_emb_size=8),
    # Its blocks want the language of each row.
    "xmod": XmodConfig(**_SHAPE, languages=["en_XX", "ja_XX"], default_language="ja_XX"),
    # A decoder without a head, as embedding models are made of.
    "llama": LlamaConfig(**_SHAPE, num_key_value_heads=2, bos_token_id=0, eos_token_id=1),
    "modernbert": ModernBertConfig(
        **_SHAPE,
        bos_token_id=0,
        eos_token_id=1,
        cls_token_id=0,
        sep_token_id=1,
        global_attn_every_n_layers=2,
        local_attention=4,
    ),
}


def tiny_encoder(name, *, n_layers=5):
    """Return a random encoder in inference mode."""
    config = copy.deepcopy(ENCODERS[name])
    config.num_hidden_layers = n_layers
    return random_encoder(config)


def random_encoder(config):
    """Return a random encoder of `config` in inference mode."""
    torch.manual_seed(0)
    return with_random_parameters(AutoModel.from_config(config, dtype=torch.float32))


def save_tiny_encoder(name, folder: Path, *, n_layers=5) -> Path:
    """Save a random encoder with its tokenizer, as a user's model folder would be."""
    tiny_encoder(name, n_layers=n_layers).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def save_word_encoder(folder: Path) -> Path:
    """Save an encoder to which texts are alike as far as they share words.

    To those of `ENCODERS` all texts are nearly the same, as what norms and biases add to each
    token outweighs what tells tokens apart. Here word vectors are far apart, layers add little to
    them, and whatever is common to all is zero, so that work orders and strangers are about as
    near to each other as to MiniLM; `test_encoder` holds it to that.
    """
    # The words of the work orders are its pieces, of which it finds fewer, and all bytes.
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer = byte_level_tokenizer(NORMAL, alphabet, n_tokens=1000, begins_with_blank=True)
    config = copy.deepcopy(ENCODERS["bert"])
    config.vocab_size, config.num_hidden_layers = len(tokenizer), 2
    config.max_position_embeddings = 256  # as many as MiniLM reads
    torch.manual_seed(0)
    model = AutoModel.from_config(config, dtype=torch.float32)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.data.normal_(0, 1.0 if "word_embeddings" in name else 0.1)
        else:
            parameter.data.fill_("LayerNorm.weight" in name)
    model.embeddings.token_type_embeddings.weight.data.zero_()
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def rearranged_encoder(model, layers):
    """Return a copy whose block list is `layers`: the oracle for any program."""
    model = copy.deepcopy(model)
    n_layers = model.config.num_hidden_layers
    owner, name, blocks = next(
        (module, name, child)
        for module in model.modules()
        for name, child in module.named_children()
        if isinstance(child, torch.nn.ModuleList) and len(child) == n_layers
    )
    setattr(owner, name, torch.nn.ModuleList([blocks[layer] for layer in layers]))
    model.config.num_hidden_layers = len(layers)
    if getattr(model.config, "layer_types", None) is not None:
        model.config.layer_types = [model.config.layer_types[layer] for layer in layers]
    return model
