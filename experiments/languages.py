"""Other languages: what the sentence encoder that `auto` takes for them is worth.

Descriptions of Debian packages in several languages, as `apt` lists them: those of games, science
and media are normal against those of network, administration and text, and those of text against
all others. The default detector with either encoder, and nearest neighbours in each. The lists are
there once `apt-get update` ran with `Acquire::Languages { "en"; "ja"; … };` in apt.conf.

Reads: no data set. Takes: 19 min (AMD EPYC).
"""

import argparse
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import common
import fit_tables
from common import Split, Task
from fit_tables import Notes

from polar_detect import models
from polar_detect.detectors import AutoHead
from polar_detect.encoder import Encoder
from polar_detect.engine import Engine, encoder_for
from polar_detect.extraction import Extractor
from polar_detect.language import speaks
from polar_detect.metrics import auroc
from polar_detect.neighbours import nearest
from polar_detect.readings import Readings
from polar_detect.reference import N_NEIGHBOURS
from polar_detect.tokenizing import MAX_TOKENS
from polar_detect.trace import Tracer, Traces

LANGUAGES = ("ja", "de", "fr", "es", "ru", "en")
ENCODERS = (models.DEFAULT_ENCODER, models.MULTILINGUAL_ENCODER)

_GROUPS = {
    "games": ("games",),
    "science": ("science", "math"),
    "media": ("graphics", "sound", "video"),
    "network": ("net", "web", "mail", "httpd"),
    "administration": ("admin", "utils", "shells"),
    "text": ("text", "editors", "fonts", "tex"),
}
_GROUP_OF = {section: group for group, own in _GROUPS.items() for section in own}
_NORMAL = {"half": ("games", "science", "media"), "text": ("text",)}
_PARTS_OF_ONE = re.compile(r"-(dbg|dev|doc|data|common)$")  # which describe the same once more
_MAX_CHARACTERS = 160  # of the long description


def main() -> None:
    options = _options()
    sections = _sections(options.lists)
    engines = {name: _sharing(Engine.load(models.DEFAULT_MODEL, name)) for name in ENCODERS}
    tokenizer = engines[models.DEFAULT_ENCODER].extractor.encoder.tokenizer
    rows = []
    for language in options.languages:
        groups = _descriptions(options.lists, language, sections)
        for name, normal in _NORMAL.items():
            task = _task(f"{language}-{name}", groups, normal)
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
    parser.add_argument("--lists", type=Path, default=Path("/var/lib/apt/lists"))
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
    similarity = nearest(test, train, k=N_NEIGHBOURS).similarity.mean(1)
    scores = (tables.scores(AutoHead(), seed=0), -similarity)
    own, neighbours = (auroc(split.is_anomalous, values) for values in scores)
    return own, neighbours


def _task(name: str, groups: dict[str, list[str]], normal: tuple[str, ...]) -> Task:
    inside = [text for group in normal for text in groups[group]]
    outside = [tuple(groups[group]) for group in _GROUPS if group not in normal]
    return Task(name, tuple(inside), tuple(outside))


def _sections(lists: Path) -> dict[str, str]:
    """Return the section of each package."""
    found = {}
    for paragraph in _list(lists, "main_binary-*_Packages*").split("\n\n"):
        fields = dict(re.findall(r"(?m)^(Package|Section): (.*)$", paragraph))
        if len(fields) == 2:
            found[fields["Package"]] = fields["Section"]
    return found


def _descriptions(lists: Path, language: str, sections: dict[str, str]) -> dict[str, list[str]]:
    """Return what the packages of each group are said to be, no two of them alike."""
    entry = re.compile(
        rf"Package: (\S+)\n(?s:.*?)^Description-{language}: (.*)\n((?: .*\n?)*)", re.M
    )
    found: dict[str, list[str]] = defaultdict(list)
    known = set()
    for paragraph in _list(lists, f"main_i18n_Translation-{language}*").split("\n\n"):
        read = entry.match(paragraph)
        group = read and _GROUP_OF.get(sections.get(read[1], ""))
        if not read or not group or _PARTS_OF_ONE.search(read[1]):
            continue
        long = " ".join(read[3].split("\n .\n")[0].split())
        is_translated = "<trans>" not in paragraph
        if is_translated and len(long) >= 30 and long not in known:
            known.add(long)
            found[group].append(f"{read[2]}. {long[:_MAX_CHARACTERS]}")
    return found


def _list(lists: Path, pattern: str) -> str:
    """Return the largest of apt's lists of one kind, however it is compressed."""
    paths = sorted(lists.glob(f"*{pattern}"), key=lambda path: path.stat().st_size)
    if not paths:
        sys.exit(f"Got no list like '{pattern}' in {lists}; expected apt's; see --help.")
    command = ["/usr/lib/apt/apt-helper", "cat-file", str(paths[-1])]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
