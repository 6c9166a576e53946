"""Names to verified local weights: the one place that knows where models come from.

Hides the package registry, the cache and its locks, GGUF conversion and the Hugging Face hub.
Importing it and listing models loads neither torch nor transformers.
"""

from polar_detect.models.cache import cache_folder
from polar_detect.models.catalogue import (
    AUTO_ENCODER,
    DEFAULT_ENCODER,
    DEFAULT_MODEL,
    MULTILINGUAL_ENCODER,
    MULTILINGUAL_MODEL,
)
from polar_detect.models.folder import Kind, LocalModel
from polar_detect.models.names import ModelStatus, available, fetch, resolve, verify

__all__ = [
    "AUTO_ENCODER",
    "DEFAULT_ENCODER",
    "DEFAULT_MODEL",
    "MULTILINGUAL_ENCODER",
    "MULTILINGUAL_MODEL",
    "Kind",
    "LocalModel",
    "ModelStatus",
    "available",
    "cache_folder",
    "fetch",
    "resolve",
    "verify",
]
