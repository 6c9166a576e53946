"""Random models of many architectures, small enough to be made anew in every test run.

Every parameter is drawn at random, norms and biases too, so that no layer is nearly the
identity and a wrong order of layers shows in the logits.
"""

import copy
from pathlib import Path
from types import MethodType

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    BartConfig,
    BloomConfig,
    CohereConfig,
    ElectraConfig,
    Ernie4_5Config,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    GraniteConfig,
    Llama4TextConfig,
    LlamaConfig,
    Mamba2Config,
    MistralConfig,
    ModernBertDecoderConfig,
    NemotronConfig,
    Olmo2Config,
    OlmoConfig,
    OPTConfig,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2MoeConfig,
    Qwen3Config,
    RobertaConfig,
    SmolLM3Config,
    XGLMConfig,
)
from transformers.modeling_outputs import BaseModelOutputWithPast

VOCABULARY = 128
MAX_POSITIONS = 96
WINDOW = 4  # sliding attention; the texts of the tests are longer

SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": MAX_POSITIONS,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
_NAMES = ("vocab_size", "hidden_size", "num_hidden_layers", "bos_token_id", "eos_token_id")
_MULTI_HEAD = {**SHAPE, "num_key_value_heads": 4}
_MIXED = ["sliding_attention", "full_attention"]

CONFIGS = {
    "llama": LlamaConfig(**SHAPE),
    "qwen2": Qwen2Config(
        **SHAPE,
        use_sliding_window=True,
        sliding_window=WINDOW,
        layer_types=["full_attention", *_MIXED, *_MIXED],
    ),
    "qwen3": Qwen3Config(**SHAPE, head_dim=8),
    "qwen2-moe": Qwen2MoeConfig(
        **SHAPE,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=24,
        shared_expert_intermediate_size=24,
        mlp_only_layers=[1],
    ),
    "mistral": MistralConfig(**SHAPE, head_dim=8, sliding_window=WINDOW),
    "gemma3": Gemma3TextConfig(
        **SHAPE,
        head_dim=8,
        sliding_window=WINDOW,
        layer_types=[*_MIXED, "sliding_attention", *_MIXED],
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
            "full_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        },
    ),
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=5,
        n_head=4,
        n_positions=MAX_POSITIONS,
        bos_token_id=0,
        eos_token_id=1,
    ),
    "gpt-neox": GPTNeoXConfig(**{k: v for k, v in SHAPE.items() if k != "num_key_value_heads"}),
    "phi3": Phi3Config(**SHAPE),
    "olmo2": Olmo2Config(**_MULTI_HEAD),
}
GEMMA2 = Gemma2Config(
    **SHAPE,
    head_dim=8,
    sliding_window=WINDOW,
    final_logit_softcapping=2.0,
    attn_logit_softcapping=5.0,
)
# Models whose blocks want some arguments of each row: they do not broadcast.
PER_ROW = {
    "bloom": BloomConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        n_layer=5,
        n_head=4,
        bos_token_id=0,
        eos_token_id=1,
    ),  # biases of the heads of one row behind those of another
    "xglm": XGLMConfig(
        vocab_size=VOCABULARY,
        d_model=32,
        ffn_dim=48,
        num_layers=5,
        attention_heads=4,
        max_position_embeddings=MAX_POSITIONS,
        bos_token_id=0,
        eos_token_id=1,
    ),  # a mask of each row
}
_BERT = {name: SHAPE[name] for name in SHAPE if name != "num_key_value_heads"}
# Models with something other than a look-up in front of their blocks, or than a norm behind them,
# and one whose configuration counts other blocks too.
SURROUNDED = {
    "opt-350m": OPTConfig(
        **{name: _BERT[name] for name in _BERT if name != "intermediate_size"},
        ffn_dim=48,
        word_embed_proj_dim=16,
        do_layer_norm_before=False,
    ),  # a projection at either end, and no last norm
    "modernbert-decoder": ModernBertDecoderConfig(
        **_BERT, cls_token_id=0, sep_token_id=1, global_attn_every_n_layers=2, local_attention=8
    ),  # a layer of its own before the head, which transformers takes for the decoder
    "roberta": RobertaConfig(**_BERT, is_decoder=True),  # one with the head inside
    "electra": ElectraConfig(**_BERT, is_decoder=True, embedding_size=16),  # projections
    "bart": BartConfig(
        vocab_size=VOCABULARY,
        d_model=32,
        encoder_layers=2,
        decoder_layers=5,
        decoder_attention_heads=4,
        decoder_ffn_dim=48,
        max_position_embeddings=MAX_POSITIONS,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    ),
}
# Models whose blocks have parts that resemble those that a quick form replaces.
LOOKALIKES = {
    "smollm3": SmolLM3Config(**SHAPE),  # every fourth layer has no positions
    "ernie4.5": Ernie4_5Config(**SHAPE, head_dim=8),  # pairs of neighbours are turned, not halves
    "cohere": CohereConfig(**SHAPE),  # the same, and the head's logits are shrunk
    "olmo": OlmoConfig(**SHAPE, clip_qkv=1.5),  # queries, keys and values have bounds
    "nemotron": NemotronConfig(**SHAPE),  # half of each head has positions
    "granite": GraniteConfig(**SHAPE, logits_scaling=8.0, residual_multiplier=0.22),
    "mamba2": Mamba2Config(
        **{name: SHAPE[name] for name in _NAMES},
        state_size=8,
        num_heads=8,
        head_dim=8,
        n_groups=2,
        chunk_size=8,
    ),  # asks a norm for its weight
    "llama4": Llama4TextConfig(
        **SHAPE, head_dim=8, num_local_experts=4, num_experts_per_tok=1, intermediate_size_mlp=48
    ),  # a linear layer that returns two tensors
}


def tiny_model(config, *, seed=0):
    """Return a random model of `config` in inference mode."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(copy.deepcopy(config), dtype=torch.float32)
    return with_random_parameters(model)


def with_random_parameters(model):
    """Return a model in inference mode, whose parameters are drawn anew."""
    for parameter in model.parameters():
        scale = 0.2 if parameter.ndim > 1 else 0.3
        parameter.data.normal_(0, scale).add_(parameter.ndim == 1)
    return model.eval()


def random_rows(*lengths, seed=0):
    """Return token ids of random texts of these lengths."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(2, VOCABULARY, (n,), generator=generator).tolist() for n in lengths]


def tiny_tokenizer():
    """Return a byte-level tokenizer of printable ASCII with some merges, <s> = 0 and </s> = 1."""
    alphabet = [chr(code) for code in range(33, 127)] + ["\u0120", "\u010a"]  # blank, newline
    texts = ["the pump leaks oil and the valve is stuck again"] * 4
    return byte_level_tokenizer(texts, alphabet, n_tokens=VOCABULARY)


def byte_level_tokenizer(texts, alphabet, *, n_tokens, begins_with_blank=False):
    """Return a tokenizer of the pieces that are frequent in texts, <s> = 0 and </s> = 1."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=begins_with_blank)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=n_tokens,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )


def save_tiny(config, folder: Path, *, seed=0) -> Path:
    """Save a random model of `config` with its tokenizer, as a user's model folder would be."""
    tiny_model(config, seed=seed).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def rearranged(model, layers):
    """Return a copy of `model` whose block list is `layers`: the oracle for any program.

    The copy runs its own forward; what the configuration says of single layers (the kind of
    attention) moves with them.
    """
    model = copy.deepcopy(model)
    inner, name, blocks = next(
        (module, name, child)
        for module in model.modules()
        for name, child in module.named_children()
        if isinstance(child, torch.nn.ModuleList)
    )
    setattr(inner, name, torch.nn.ModuleList([blocks[layer] for layer in layers]))
    for config in {id(m.config): m.config for m in (model, inner)}.values():
        if getattr(config, "layer_types", None) is not None:
            config.layer_types = [config.layer_types[layer] for layer in layers]
        config.num_hidden_layers = len(layers)
    return model


class _HandsOn(torch.nn.Module):
    """A block that also returns what the next one is to be given."""

    def __init__(self, make):
        super().__init__()
        self.linear, self.make = torch.nn.Linear(32, 32), make

    def forward(self, hidden_states, memory):
        return hidden_states + self.linear(hidden_states) + memory, self.make(hidden_states)


def hand_on(model, make):
    """Give a Llama without a head blocks that hand on what `make` makes of their states."""

    def forward(self, input_ids, **_):
        hidden, memory = self.embed_tokens(input_ids), torch.zeros(())
        for layer in self.layers:
            hidden, memory = layer(hidden, memory)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden))

    model.layers = torch.nn.ModuleList([_HandsOn(make) for _ in range(5)])
    model.forward = MethodType(forward, model)
