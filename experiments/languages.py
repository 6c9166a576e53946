"""Other languages: what the sentence encoder that `auto` takes for them is worth.

Descriptions of Debian packages in several languages, as `apt` lists them: those of games, science
and media are normal against those of network, administration and text, and those of text against
all others. The default detector with either encoder, and nearest neighbours in each.

Reads: no data set. Takes: 19 min (AMD EPYC).
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import common
import fit_tables
import packages
from bench_baselines import neighbours
from common import Split
from fit_tables import Notes

from polar_detect import models
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.detectors import AutoHead
from polar_detect.metrics import auroc
from polar_detect.models.fluency import speaks
from polar_detect.pipeline.engine import Engine, encoder_for
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.encoder import Encoder
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.signature.reading.traces import Traces

LANGUAGES = ("ja", "de", "fr", "es", "ru", "en")
ENCODERS = (models.DEFAULT_ENCODER, models.MULTILINGUAL_ENCODER)

_NORMAL = {"half": ("games", "science", "media"), "text": ("text",)}


def main() -> None:
    options = _options()
    sections = packages.sections(options.lists)
    engines = {name: _sharing(Engine.load(models.DEFAULT_MODEL, name)) for name in ENCODERS}
    tokenizer = engines[models.DEFAULT_ENCODER].extractor.encoder.tokenizer
    rows = []
    for language in options.languages:
        groups = packages.descriptions(options.lists, language, sections)
        for name, normal in _NORMAL.items():
            task = packages.task(f"{language}-{name}", groups, normal)
            _Sharing.known.clear()
            split = common.split(task, seed=0, n_train=options.n_train, n_test=options.n_test)
            figures = [value for engine in engines.values() for value in _figures(split, engine)]
            letters = speaks(tokenizer, split.train, kind="encoder").letters_per_token
            sizes = f"{len(split.train)} / {len(split.test)}"
            chosen = encoder_for(split.train)
            rows.append(
                [task.name, sizes, f"{letters:.1f}", chosen, *(f"{v:.3f}" for v in figures)]
            )
            common.say(" ".join(rows[-1]))
    print(f"{common.machine()}; seed 0\n")
    header = ["task", "train / test", f"letters in a token of {ENCODERS[0]}", "auto takes"]
    header += [f"{name}, {encoder}" for encoder in ENCODERS for name in ("polar-detect", "kNN")]
    print(common.markdown_table(header, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    packages.add_lists_option(parser)
    known = common.some_of(LANGUAGES)
    parser.add_argument("--languages", type=known, default=LANGUAGES, help="a,b,…")
    parser.add_argument("--n-train", type=int, default=300)
    parser.add_argument("--n-test", type=int, default=120, help="test rows per class at most")
    return parser.parse_args()


class _Sharing(Extractor):
    """Lets the language model read the same texts once, whatever the encoder beside it."""

    known: ClassVar[dict[tuple[str, ...], Traces]] = {}

    def configured(self, tracer: Tracer, encoder: Encoder, *, wants_context: bool) -> "_Sharing":
        return _Sharing(tracer, encoder, wants_context=wants_context)

    def read(self, texts: Sequence[str]) -> Readings:
        key = tuple(texts)
        if key not in self.known:
            self.known[key] = self.tracer.trace(texts)
        return Readings(key, self.known[key], self.encoder.read(texts))


def _sharing(engine: Engine) -> Engine:
    """Return an engine whose traces are shared, as the default detector reads."""
    own = engine.reading(max_tokens=MAX_TOKENS, curves="none", wants_context=False)
    return replace(own, extractor=_Sharing(own.extractor.tracer, own.extractor.encoder))


def _figures(split: Split, engine: Engine) -> tuple[float, float]:
    """Return the AUROC of the default detector, and of nearest neighbours in its encoder."""
    tables = fit_tables.signatures(split, engine, seed=0, notes=Notes())
    train, test = (engine.extractor.encoder.embed(part) for part in (split.train, split.test))
    scores = (tables.scores(AutoHead(), seed=0), neighbours(train, test))
    own, others = (auroc(split.is_anomalous, values) for values in scores)
    return own, others


if __name__ == "__main__":
    main()
