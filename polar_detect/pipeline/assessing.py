"""What `PolarDetector.assess` does: texts → scores, minimal programs, what explains them."""

import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.calibration import p_values_or_nan
from polar_detect.detectors.base import Attribution
from polar_detect.explain import Explanation
from polar_detect.features.of_columns import Expected
from polar_detect.features.of_sequences import OddEntry
from polar_detect.features.table import FeatureTable
from polar_detect.pipeline.assessed import Assessed
from polar_detect.pipeline.fitted import Fitted
from polar_detect.program import ProgramsOf
from polar_detect.programs.minimal import MinimalProgram, no_program
from polar_detect.progress import ASSESS_CHUNK, Advance, Part, Tracker, untold
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.normal_programs import NormalPrograms
from polar_detect.signature.reading.readings import Readings
from polar_detect.texts.distinct import distinct_texts

_CHUNK_TOKENS = 2**14  # about, as texts' states are held together: 1.3 MB of each of 125 tokens
# Of the time that texts without programs take, reading them takes so much (256 work orders); where
# their programs are searched too, these take so much of all (90 of 112 s of 160 work orders).
_READING, _PROGRAMS = 0.8, 0.8
# Of the demo's work orders SmolLM2 makes a token of 3.4 letters, and 1.9 of a Japanese character,
# which is 3 bytes; of each digit one, and with the signs between numbers half another.
_TOKENS_OF_A_LETTER, _TOKENS_OF_A_FURTHER_BYTE, _TOKENS_OF_A_DIGIT = 0.25, 0.85, 1.5


@dataclass(frozen=True, eq=False)
class Assessing:
    """The steps of `PolarDetector.assess`; to be called while no other uses the models.

    Parameters
    ----------
    fitted : Fitted
    extractor : Extractor
    normal_programs : callable
        Returns what programs of normal texts are like, which can take a search.
    programs_of : {"all", "flagged", "none", "searched"}
        With "none" programs are searched only where the detector reads them.
    alpha : float
        Says which texts are flagged.
    """

    fitted: Fitted
    extractor: Extractor
    normal_programs: Callable[[], NormalPrograms]
    programs_of: ProgramsOf = "none"
    alpha: float = 0.0

    def run(self, texts: Sequence[str], tracker: Tracker) -> Assessed:
        """Return what there is to say of each text; each distinct one is read once."""
        if self.programs_of == "all" and any(self.extractor.tracer.tokenize(texts)):
            self.normal_programs()  # before the first text, if it is a long search
        distinct, places = distinct_texts(texts)
        parts: list[Assessed] = []
        order: list[IndexArray] = []
        for chunk, part in self._by_length(distinct, tracker):
            order.append(chunk)
            parts.append(self._assess([distinct[i] for i in chunk], part))
        rows = np.argsort(np.concatenate(order))[places]
        programs = [program for part in parts for program in part.programs]
        neighbours = [nearest for part in parts for nearest in part.neighbours]
        known = [nearest for part in parts for nearest in part.known]
        fine = [n for part in parts for n in part.fine]
        misfiled = [expected for part in parts for expected in part.misfiled]
        odd_entries = [entry for part in parts for entry in part.odd_entries]
        return Assessed(
            scores=np.concatenate([part.scores for part in parts])[rows],
            programs=[programs[i] for i in rows],
            explanation=Explanation.below([part.explanation for part in parts]).rows(rows),
            neighbours=[neighbours[i] for i in rows],
            known=[known[i] for i in rows] if known else (),
            fine=[fine[i] for i in rows] if fine else (),
            embeddings=np.concatenate([part.embeddings for part in parts])[rows],
            misfiled=[misfiled[i] for i in rows] if misfiled else (),
            odd_entries=[odd_entries[i] for i in rows] if odd_entries else (),
        )

    def scores(self, texts: Sequence[str], tracker: Tracker) -> Float64Array:
        """Return scores without searching programs, unless the detector reads them."""
        distinct, places = distinct_texts(texts)
        scores = np.empty(len(distinct))
        for chunk, part in self._by_length(distinct, tracker):
            scores[chunk] = self._score([distinct[i] for i in chunk], part).scores
        expanded: Float64Array = scores[places]
        return expanded

    def _by_length(
        self, texts: Sequence[str], tracker: Tracker
    ) -> Iterator[tuple[IndexArray, Part]]:
        """Yield the places of texts in chunks, those of one length together: they share batches.

        Each with what counts its texts as done. One empty chunk for no texts.
        """
        by_length = sorted(range(len(texts)), key=lambda i: (len(texts[i]), texts[i]))
        stage = tracker.stage("score", len(texts))
        most = self.fitted.settings.max_tokens
        cuts = _cuts([min(_about_tokens(texts[i]), most) for i in by_length])
        for chunk in np.split(np.asarray(by_length, np.intp), cuts):
            with stage.part(len(chunk)) as part:
                yield chunk, part

    def _assess(self, texts: Sequence[str], part: Part) -> Assessed:
        fitted = self.fitted
        scored = self._score(texts, part)
        attribution = fitted.head.explain(scored.table)
        attribution.check_adds_up(scored.scores[scored.has_tokens])
        programs: Sequence[MinimalProgram | None] | None = scored.programs
        if self.programs_of == "searched":
            programs = self.extractor.searched_programs(
                scored.readings,
                tolerance=fitted.settings.tolerance,
                advance=part.advance_by(_PROGRAMS),
            )
        elif self.programs_of == "flagged" and programs is None:
            programs = self._flagged_programs(scored)
        readable = scored.readings.embeddings[scored.has_tokens]
        known = fitted.nearest_known(scored.table, scored.has_tokens, readable)
        return Assessed(
            scores=scored.scores,
            programs=[None] * len(texts) if programs is None else programs,
            explanation=Explanation.of(
                attribution, scored.table, scored.has_tokens, self._n_layers
            ),
            neighbours=fitted.text_reference.nearest_texts(scored.readings.embeddings),
            known=known,
            fine=fitted.n_like_fine(scored.table, known, scored.has_tokens, readable),
            embeddings=scored.readings.embeddings,
            misfiled=self._misfiled(texts, scored),
            odd_entries=self._odd_entries(texts, scored, attribution),
        )

    def _odd_entries(
        self, texts: Sequence[str], scored: "_Scored", attribution: Attribution
    ) -> Sequence[OddEntry | None]:
        """Return which entry of each text raised its score, if texts are sequences."""
        reference = self.fitted.text_reference
        if reference.sequences is None:
            return ()
        found: list[OddEntry | None] = [None] * len(texts)
        places = np.flatnonzero(scored.has_tokens).tolist()
        for i, values in zip(places, attribution.values.tolist(), strict=True):
            own = dict(zip(attribution.features, values, strict=True))
            found[i] = reference.odd_entry(texts[i], own)
        return found

    def _misfiled(
        self, texts: Sequence[str], scored: "_Scored"
    ) -> Sequence[Mapping[str, Expected]]:
        """Return what the free text of rows leads to expect in cells that go badly with it."""
        filing = self.fitted.text_reference.filing
        if filing is None:
            return ()
        found: list[Mapping[str, Expected]] = [{}] * len(texts)
        places = np.flatnonzero(scored.has_tokens)[filing.is_doubted(scored.table)].tolist()
        doubted = filing.expected([texts[i] for i in places], self.extractor.encoder.embed)
        for i, expected in zip(places, doubted, strict=True):
            found[i] = expected
        return found

    def _flagged_programs(self, scored: "_Scored") -> list[MinimalProgram | None]:
        """Return the programs of texts that are flagged, None for the others."""
        p_values = p_values_or_nan(self.fitted.calibration_scores, scored.scores)
        flagged = np.flatnonzero(p_values <= self.alpha)
        readings = scored.readings.rows(flagged)
        found = self._minimal_programs(readings, untold) if len(flagged) else []
        programs: list[MinimalProgram | None] = [None] * len(scored.scores)
        for i, program in zip(flagged.tolist(), found, strict=True):
            programs[i] = program
        return programs

    def _score(self, texts: Sequence[str], part: Part) -> "_Scored":
        """Score texts, with their programs where all are wanted or the detector reads them."""
        fitted, extractor = self.fitted, self.extractor
        wants_programs = self.programs_of == "all" or fitted.head.needs_programs
        is_search = wants_programs or self.programs_of == "searched"
        n_before = len(texts) * (1 - _PROGRAMS if is_search else 1)
        readings = extractor.read(texts)
        part.advance(n_before * _READING)
        has_tokens = readings.has_tokens
        readable = readings.rows(np.flatnonzero(has_tokens))
        table = extractor.signatures(readable, fitted.text_reference)
        part.advance(n_before * (1 - _READING))
        programs: list[MinimalProgram] | None = None
        if wants_programs:
            programs = self._minimal_programs(readings, part.advance_by(_PROGRAMS))
        if programs is not None and fitted.head.needs_programs:
            pairs = zip(programs, has_tokens, strict=True)
            table = extractor.with_programs(table, [program for program, keep in pairs if keep])
        table = table.chosen(fitted.statistics.features)
        scores = np.full(len(texts), np.nan)
        scores[has_tokens] = fitted.head.scores(table)
        return _Scored(readings, has_tokens, table, scores, programs)

    def _minimal_programs(self, readings: Readings, advance: Advance) -> list[MinimalProgram]:
        if not readings.has_tokens.any():
            return [no_program(self._n_layers)] * len(readings)
        menu, tolerance = self.normal_programs().menu, self.fitted.settings.tolerance
        return self.extractor.minimal_programs(
            readings,
            menu,
            tolerance=tolerance,
            wants_curves=self.fitted.head.needs_programs,
            advance=advance,
        )

    @property
    def _n_layers(self) -> int:
        return self.extractor.tracer.backbone.n_layers


@dataclass(frozen=True, eq=False)
class _Scored:
    """Texts with their scores, and what these came from; texts without tokens are NaN.

    Parameters
    ----------
    readings : Readings
    has_tokens : (n_texts,) bool
    table : FeatureTable
        Signatures of the texts with tokens, as far as the detector reads them.
    scores : (n_texts,) float64
    programs : list of MinimalProgram, optional
    """

    readings: Readings
    has_tokens: BoolArray
    table: FeatureTable
    scores: Float64Array
    programs: list[MinimalProgram] | None


def _about_tokens(text: str) -> float:
    """Return about how many tokens a text has; models of other languages see Japanese as bytes."""
    n_further_bytes = len(text.encode(errors="replace")) - len(text)
    n_digits = sum(map(text.count, string.digits))
    return (
        (len(text) - n_digits) * _TOKENS_OF_A_LETTER
        + n_digits * _TOKENS_OF_A_DIGIT
        + n_further_bytes * _TOKENS_OF_A_FURTHER_BYTE
    )


def _cuts(n_tokens: Sequence[float]) -> list[int]:
    """Return where the chunks of texts of so many tokens begin, but for the first."""
    cuts, n_texts, n_held = [], 0, 0.0
    for i, n_read in enumerate(n_tokens):
        if n_texts == ASSESS_CHUNK or (n_texts and n_held + n_read > _CHUNK_TOKENS):
            cuts.append(i)
            n_texts, n_held = 0, 0.0
        n_texts, n_held = n_texts + 1, n_held + n_read
    return cuts
