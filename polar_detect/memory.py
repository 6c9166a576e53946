"""What the models read is remembered, so that several fits on the same texts cost one reading.

Times can be counted as if each had read for itself.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from polar_detect.arrays import IndexArray
from polar_detect.detector import PolarDetector
from polar_detect.pipeline.engine import Engine, encoder_for
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.encoder import Encoder
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.spill import Spill
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.texts.distinct import distinct_texts
from polar_detect.texts.moments import at_no_moment

_Key = tuple[object, ...]  # a text, and how it is read


class Memory:
    """Readings of texts, each by itself, as a text is read alike in whatever company.

    Parameters
    ----------
    texts : collection of str
        What is worth remembering.

    Attributes
    ----------
    saved_s : float
        Seconds that were not spent so far, as something was remembered.
    """

    def __init__(self, texts: Collection[str] = ()) -> None:
        self.saved_s = 0.0
        self._worth = frozenset(texts)
        self._spill = Spill()
        self._parts: list[Readings] = []
        self._seconds: list[float] = []  # that a text of each part took
        self._places: dict[_Key, tuple[int, int]] = {}  # a part, and where in it

    def clock(self) -> float:
        """Return the time in seconds, as if everything had been read anew."""
        return time.perf_counter() + self.saved_s

    def clear(self) -> None:
        """Forget all texts."""
        self._parts.clear()
        self._seconds.clear()
        self._places.clear()

    def __contains__(self, key: _Key) -> bool:
        return key in self._places

    def add(self, readings: Readings, keys: Sequence[_Key], *, took_s: float) -> None:
        """Remember those that are worth it of some texts that were read together."""
        kept = [i for i, text in enumerate(readings.texts) if text in self._worth]
        if not kept:
            return
        self._places |= {keys[i]: (len(self._parts), n) for n, i in enumerate(kept)}
        self._parts.append(readings.rows(kept).kept_by(self._spill))
        self._seconds.append(took_s / len(keys))

    def recalled(self, keys: Sequence[_Key]) -> Readings:
        """Return what was read of texts that are known."""
        places = np.asarray([self._places[key] for key in keys])
        self.saved_s += sum(self._seconds[part] for part in places[:, 0].tolist())
        order = np.argsort(places[:, 0], kind="stable")
        return Readings.below([*self._of_parts(places[order])]).rows(np.argsort(order))

    def _of_parts(self, places: IndexArray) -> Iterator[Readings]:
        for part in np.unique(places[:, 0]).tolist():
            yield self._parts[part].rows(places[places[:, 0] == part, 1])


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
        distinct, places = distinct_texts(texts)
        keys = {text: self._key(text) for text in distinct}
        known = [text for text in distinct if keys[text] in self.memory]
        new = [text for text in distinct if keys[text] not in self.memory]
        parts = [self.memory.recalled([keys[text] for text in known])] if known else []
        if new or not known:
            start = time.perf_counter()
            parts.append(super().read(new))
            took_s = time.perf_counter() - start
            self.memory.add(parts[-1], [keys[text] for text in new], took_s=took_s)
        place = {text: i for i, text in enumerate([*known, *new])}
        order = np.asarray([place[text] for text in distinct], np.intp)
        return Readings.below(parts).rows(order[places])

    def _key(self, text: str) -> _Key:
        return text, self.tracer.curves, self.tracer.max_tokens, self.encoder.max_tokens


def with_memory(
    detector: PolarDetector, texts: Sequence[str], *, remembered: Collection[str]
) -> Memory:
    """Load the models of a detector that is to be fitted on `texts`; return what it remembers."""
    memory = Memory({*remembered, *map(at_no_moment, remembered)})  # rows are read as they are
    engine = Engine.load(detector.model, encoder_for(texts, detector.encoder))
    own = engine.extractor
    remembering = RememberingExtractor(own.tracer, own.encoder, memory)
    detector.engine_ = replace(engine, extractor=remembering)
    return memory
