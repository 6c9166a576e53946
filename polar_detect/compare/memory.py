"""What the models read is remembered, so that several detectors on the same rows cost one reading.

Times are counted as if each had read for itself.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from polar_detect.detector import PolarDetector
from polar_detect.engine import Engine, encoder_for
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.encoder import Encoder
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.tracer import Tracer


@dataclass(eq=False)
class Memory:
    """Readings of texts that were read together, by these and by how they were read.

    Parameters
    ----------
    readings : dict
        With the seconds that each took.
    saved_s : float
        Seconds that were not spent so far, as something was remembered.
    """

    readings: dict[object, tuple[Readings, float]] = field(default_factory=dict)
    saved_s: float = 0.0

    def clock(self) -> float:
        """Return the time in seconds, as if everything had been read anew."""
        return time.perf_counter() + self.saved_s


class RememberingExtractor(Extractor):
    """Reads what it has read before from memory.

    Parameters
    ----------
    tracer : Tracer
    encoder : Encoder
    memory : Memory
        Shared by all that read with the same models.
    wants_context : bool
        See `Extractor`.
    """

    def __init__(
        self, tracer: Tracer, encoder: Encoder, memory: Memory, *, wants_context: bool = True
    ) -> None:
        super().__init__(tracer, encoder, wants_context=wants_context)
        self.memory = memory

    def configured(
        self, tracer: Tracer, encoder: Encoder, *, wants_context: bool
    ) -> "RememberingExtractor":
        """Return the same memory with another tracer and encoder."""
        return RememberingExtractor(tracer, encoder, self.memory, wants_context=wants_context)

    def read(self, texts: Sequence[str]) -> Readings:
        """Return what the models do with each text on its own."""
        tracer, known = self.tracer, self.memory.readings
        key = (*texts,), tracer.curves, tracer.max_tokens, self.encoder.max_tokens
        if key in known:
            self.memory.saved_s += known[key][1]
        else:
            start = time.perf_counter()
            readings = super().read(texts)
            known[key] = readings, time.perf_counter() - start
        return known[key][0]


def with_memory(detector: PolarDetector, texts: Sequence[str]) -> Memory:
    """Load the models of a detector that is to be fitted on `texts`; return what it remembers."""
    memory = Memory()
    engine = Engine.load(detector.model, encoder_for(texts, detector.encoder))
    own = engine.extractor
    remembering = RememberingExtractor(own.tracer, own.encoder, memory)
    detector.engine_ = replace(engine, extractor=remembering)
    return memory
