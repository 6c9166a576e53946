"""Score an input of any size: chunk by chunk, each finished for good, then written as a whole.

Memory stays flat because the input is read again for the output, instead of being held.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import polar_detect
from polar_detect import tables
from polar_detect.assessment import Result
from polar_detect.models.hashes import sha256_of
from polar_detect.progress import Progress
from polar_detect.scoring.cache import ResultCache
from polar_detect.scoring.flags import FlagRule, Tally
from polar_detect.scoring.job import Input, ScoreJob
from polar_detect.scoring.output import Summary, write_output
from polar_detect.scoring.partial import VERSION, Partial
from polar_detect.scoring.results import Engine, Fleet
from polar_detect.scoring.sample import Sample
from polar_detect.signature.columns.mistake import misplaced_in
from polar_detect.signature.columns.new_cells import NewColumns
from polar_detect.signature.columns.reach import BeyondReach
from polar_detect.signature.flat_runs import FlatRuns
from polar_detect.signature.round_columns import RoundColumns
from polar_detect.texts.known import KnownTexts

_SEEN, _PLANNED = "seen.sqlite", "planned.sqlite"  # in the folder of the run


def run(
    job: ScoreJob,
    opened: Input,
    engine: Engine,
    rule: FlagRule,
    progress: Progress,
    *,
    fleet: Fleet | None = None,
) -> Summary:
    """Score `opened` and write it with the added columns.

    A `fleet`, where there is one, scores all chunks in place of `engine`.

    Killed and called again, it goes on behind the last finished chunk, and writes what an
    undisturbed run writes. The output, and the rejected rows beside it, appear when they are
    whole.

    Raises
    ------
    InputError
        An earlier run for the same output depended on something else, or the input was changed
        meanwhile.
    OutputError
        Something cannot be written.
    """
    goes_on = job.goes_on and job.source.is_file()
    identity = _identity(job, opened, rule) | {"--engine": "local" if fleet is None else "ray"}
    restart = job.restart or not goes_on
    with Partial.open(job.out, identity, restart=restart, goes_on=goes_on) as partial:
        scoring = _Scoring(opened, engine, partial, progress)
        if fleet is not None:
            scoring.compute_with(fleet)
        known, new = KnownTexts(job.normal_texts), NewColumns(job.known_values)
        beyond, rounder = BeyondReach(job.reach), RoundColumns(job.digits, job.normal_texts)
        flat = FlatRuns(job.usual_runs)
        with closing(ResultCache(partial.folder / _SEEN)) as cache:
            for chunk, texts in enumerate(opened.chunks_of_texts()):
                results = scoring.run(chunk, texts, cache)
                known.add(texts)
                misplaced = _misplaced(job, texts, results)
                new.add(texts, misplaced)
                beyond.add(texts, misplaced)
                rounder.add(texts)
                flat.add(texts)
        summary = scoring.summarise(rule, tables.rejected_path(job.out))
        summary = replace(
            summary,
            n_known=known.n_beyond_chance,
            n_new=new.mostly,
            beyond=beyond.mostly,
            rounder=rounder.told,
            flat_runs=flat.told,
        )
        write_output(job, opened, partial, summary, rule)
        partial.remove()
    return summary


class _Scoring:
    """The chunks of one run, in order."""

    def __init__(self, opened: Input, engine: Engine, partial: Partial, progress: Progress) -> None:
        self.tally = Tally()
        self.like: Counter[tuple[str, float]] = Counter()  # labelled anomalies, by p-value
        self.n_mistakes: Counter[str] = Counter()
        self.n_computed = self.n_resumed = self.n_repeats = self.n_unusual_digits = 0
        self._opened = opened
        self._engine = engine
        self._partial = partial
        self._progress = progress
        self._sample = Sample()
        self._is_computed = False  # by a fleet, before

    def run(self, chunk: int, texts: list[str], cache: ResultCache) -> list[Result]:
        """Score a chunk, or take what an earlier run made of it; return the results."""
        finished = self._partial.results(chunk)
        if finished is None:
            # First where this run begins, behind what an earlier one had done: neither the rate
            # nor the time that is left would be right if that counted as done in this one.
            self._progress("score", self.tally.n_rows, self._opened.n_rows)
            results = cache.results(texts, lambda new: self._compute(chunk, new))
            self._partial.finish(chunk, results)
        else:
            known = dict(zip(texts, finished, strict=True))
            results = cache.results(texts, lambda new: [known[text] for text in new])
            self.n_resumed += len(texts)
        for result in results:
            self.n_repeats += bool(result.repeat_of)
            self.n_unusual_digits += bool(result.unusual_digits)
            if result.likely_mistake:
                self.n_mistakes[result.likely_mistake] += 1
            self.tally.add(result.p_value)
            if result.p_value is not None:
                self.like[result.known_anomaly, result.p_value] += 1
        self._sample.add([r.score for r in results if r.score is not None])
        if finished is None or self.tally.n_rows == self._opened.n_rows:
            self._progress("score", self.tally.n_rows, self._opened.n_rows)
        return results

    def compute_with(self, fleet: Fleet) -> None:
        """Have a fleet compute what `run` will ask for, chunk by chunk, in any order.

        The same texts in the same batches as on one machine: that makes the results the same.
        """
        self._is_computed = True
        n_done = 0
        for chunk, results in fleet(self._asked()):
            self._partial.finish(chunk, results, "computed")
            n_done += len(results)
            self._progress("compute", n_done, self._opened.n_rows)

    def summarise(self, rule: FlagRule, rejected_path: Path) -> Summary:
        """Return what was done, and which rows that flags."""
        largest_p = self.tally.largest_flagged(rule)
        n_like = Counter[str]()
        for (name, p_value), n in self.like.items():
            n_like[name] += n if p_value <= largest_p else 0
        return Summary(
            n_rows=self.tally.n_rows,
            n_empty=self.tally.n_empty,
            n_rejected=self._opened.n_rejected,
            n_flagged=self.tally.n_flagged(largest_p),
            largest_p=largest_p,
            n_computed=self.n_computed,
            n_resumed=self.n_resumed,
            rejected_path=rejected_path if self._opened.n_rejected else None,
            scores=self._sample.values,
            n_like=n_like,
            n_repeats=self.n_repeats,
            n_unusual_digits=self.n_unusual_digits,
            n_mistakes=self.n_mistakes,
        )

    def _asked(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the texts that are computed for each chunk, where they are not yet."""
        with closing(ResultCache(self._partial.folder / _PLANNED)) as plan:
            for chunk, texts in enumerate(self._opened.chunks_of_texts()):
                asked: list[str] = []

                def note(new: list[str], asked: list[str] = asked) -> list[Result]:
                    asked += new
                    return [Result()] * len(new)

                plan.results(texts, note)
                if asked and not self._partial.has(chunk, "computed"):
                    yield chunk, asked

    def _compute(self, chunk: int, texts: list[str]) -> Sequence[Result]:
        self.n_computed += len(texts)
        if self._is_computed:
            computed = self._partial.results(chunk, "computed")
            assert computed is not None
            return computed
        begin, n_done = self.tally.n_rows, 0

        def advance(n: int) -> None:
            nonlocal n_done
            n_done += n
            self._progress("score", begin + n_done, self._opened.n_rows)

        return self._engine(texts, advance)


def _misplaced(
    job: ScoreJob, texts: Sequence[str], results: Sequence[Result]
) -> list[frozenset[str]]:
    """Return in which columns of each row cells belong to others, which results say in words."""
    found = [frozenset[str]()] * len(texts)
    rows = [i for i, own in enumerate(results) if own.likely_mistake]
    if rows and job.mistakes is not None:
        for i, mistakes in zip(rows, job.mistakes([texts[i] for i in rows]), strict=True):
            found[i] = misplaced_in(mistakes)
    return found


def depends_on(job: ScoreJob, rule: FlagRule) -> dict[str, Any]:
    """Return what the result of a text depends on, besides the text."""
    # The flag is no part of a result; the rule says at most which texts get a program.
    alpha = {"--alpha": rule.largest_cutoff} if job.programs_of == "flagged" else {}
    return {
        VERSION: polar_detect.__version__,
        "detector": job.detector_sha256,
        "choice of programs (--preset)": job.programs_of,
        "--lang": job.tongue,
        **alpha,
    }


def _identity(job: ScoreJob, opened: Input, rule: FlagRule) -> dict[str, Any]:
    """Return what the output depends on, in words that a message can name."""
    return {
        **depends_on(job, rule),
        "--alpha": rule.alpha,
        "input": sha256_of(job.source) if job.source.is_file() else None,
        "--text-column": (
            opened.texts_of.name
            if isinstance(opened.texts_of, tables.TextColumn)
            else opened.texts_of.to_json()
        ),
        "--encoding": job.read.encoding,
        "--sheet": job.read.sheet,
        "--fdr": rule.fdr,
        "chunk size": job.chunk_rows,
    }
