"""Render a report as Markdown, for tickets and chats that show no HTML."""

import re
from collections.abc import Iterator

from polar_detect.drift import Drift
from polar_detect.messages.formatting import MINUS, Numbers, moment, one_line, p_value, significant
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import Tongue
from polar_detect.report.content import (
    cluster_phrases,
    group_phrases,
    marked,
    phrases,
    row_phrases,
)
from polar_detect.report.content.data import ReportData, RowReport
from polar_detect.report.content.phrases import score_numbers

_CELL_CHARACTERS = 120
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~<>&$])")  # between dollars some show a formula


def render_markdown(data: ReportData, tongue: Tongue = "en") -> str:
    """Return `data` as Markdown; texts are escaped, so that they show as they are."""
    language = data.detector.language(tongue, isolates=True)
    return "\n".join(_lines(data, language)) + "\n"


def _lines(data: ReportData, language: Language) -> Iterator[str]:
    space, numbers = language.say("space"), score_numbers(data)
    yield f"# {_said(phrases.title(data, language))}\n"
    yield f"{_escaped(moment(data.created))}\n"
    yield f"**{phrases.headline(data, language)}**\n"
    yield space.join(map(_said, phrases.findings(data, language))) + "\n"
    if data.n_flagged:
        yield space.join(phrases.advice(data, language, "listed")) + "\n"
    if data.auroc is not None and data.aupr is not None:
        yield f"AUROC {data.auroc:.3f}, AUPR {data.aupr:.3f}\n"
    yield f"## {language.say('rows.title')}\n"
    yield from _overview(data, numbers, language)
    yield from _clusters(data, language)
    if data.groups is not None:
        yield f"\n## {language.say('group.title')}\n"
        yield space.join(map(_said, group_phrases.lead(data.groups, language))) + "\n"
        for own in data.groups.found:
            yield f"- {_said(group_phrases.concentration(own, language))}"
    if data.drift is not None:
        yield f"\n## {language.say('drift.title')}\n"
        sentences = phrases.drift_sentences(data.drift, language)
        yield space.join([*sentences, phrases.moved_sentence(data.drift, language)]).rstrip() + "\n"
        yield from _shifts(data.drift, language)
    yield f"\n## {language.say('layers.title')}\n"
    yield phrases.layers_lead(data, language) + "\n"
    if data.programs is not None:
        yield space.join(phrases.programs_lead(data.programs, language)) + "\n"
    for rank, row in enumerate(data.rows, start=1):
        title = row_phrases.row_title(row.row, data.numbering, language)
        yield f"\n### {rank}\\. {_said(title)}\n"
        yield from _row(row, data, numbers, language)
    yield f"\n## {language.say('detector.title')}\n"
    for label, value in phrases.facts(data, numbers, language):
        yield f"- {label}: {_escaped(value)}"
    yield "\n" + " · ".join(_escaped(f"{label} {value}") for label, value in data.versions)


def _overview(data: ReportData, numbers: Numbers, language: Language) -> Iterator[str]:
    if not data.listed:
        yield language.say("rows.none")
        return
    p = () if data.is_screening else ("p",)
    names = ("rank", f"row.{data.numbering}", "score", *p, "flag", "reason", "text")
    yield _table_line(language.say(f"column.{name}") for name in names)
    yield "|--:|--:|--:|" + "--:|" * len(p) + "---|---|---|"
    for rank, row in enumerate(data.listed, start=1):
        yield _table_line(
            (
                str(rank),
                _escaped(str(row.row)),
                numbers.plain(row.score),
                *(p_value(row.p_value) for _ in p),
                language.say("flag.yes") if row.is_anomaly else "",
                _said(row_phrases.leading_reasons(row, language)),
                _escaped(one_line(row.text, _CELL_CHARACTERS)),
            )
        )
    yield "\n" + language.say(f"rows.numbered.{data.numbering}")


def _clusters(data: ReportData, language: Language) -> Iterator[str]:
    if data.clusters is None or not data.clusters.found:
        return
    yield f"\n## {language.say('cluster.title')}\n"
    yield language.say("space").join(cluster_phrases.note(data.clusters, language)) + "\n"
    for own in data.clusters.found:
        row = row_phrases.row_place(own.central, "", data.numbering, language)
        text = _escaped(one_line(own.text, _CELL_CHARACTERS))
        yield f"- {_said(cluster_phrases.counted(own, language))} ({_said(row)}: {text})"


def _shifts(drift: Drift, language: Language) -> Iterator[str]:
    moved = [shift for shift in (*drift.layers, *drift.features) if shift.is_moved]
    if not moved:
        return
    yield _table_line(language.say(key) for key in ("card.feature", "drift.size", "column.p"))
    yield "|---|--:|--:|"
    for shift in moved:
        yield _table_line(
            (
                _said(language.feature(shift.feature)),
                Numbers(2, MINUS).plain(shift.size),
                p_value(shift.p_value),
            )
        )


def _row(row: RowReport, data: ReportData, numbers: Numbers, language: Language) -> Iterator[str]:
    if row.n_passages > 1:
        yield row_phrases.passage(row, language) + "\n"
    cut = marked.clip(row.text)
    yield _fenced(cut.head or language.say("text.empty")) + "\n"
    yield _said(row_phrases.why(row, numbers, data.numbering, language)) + "\n"
    yield f"- {language.say('column.score')}: {numbers.plain(row.score)}"
    if not data.is_screening:
        yield f"- {language.say('column.p')}: {p_value(row.p_value)}"
    if row.minimal is not None:
        yield f"- {language.say('card.program')}: `{row.minimal.program}`"
    counted = [cell for cell in row.cells if not cell.is_condition]
    for cell in [*counted[:4], *(cell for cell in row.cells if cell.is_condition)]:
        name = language.isolated(_escaped(cell.column))
        said = language.isolated(_escaped(row_phrases.cell(cell, _CELL_CHARACTERS, language)))
        usual = f"{language.say('card.usual')}: {_said(row_phrases.usual(cell, language))}"
        part = numbers.signed(cell.part)
        if cell.is_condition:
            part = language.say("card.condition")
        if cell.has_expected:
            expected = row_phrases.expected(cell, language)
            usual += f"; {language.say('card.expected')}: {expected}"
        yield f"- {name}: {said} ({usual}; {part})"
    for own in row.features[:4]:
        name, value = _said(language.feature(own.feature)), significant(own.value)
        yield f"- {name}: {value} ({numbers.signed(own.part)})"
    for text in row.neighbours:
        label = language.say("card.neighbours")
        yield f"- {label}: {_escaped(one_line(text, _CELL_CHARACTERS))}"


def _table_line(cells: Iterator[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    return _said(one_line(text, 2_000))


def _said(sentence: str) -> str:
    """Return a sentence of ours, in which what is foreign is visible, on one line and escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(sentence.split()))


def _fenced(text: str) -> str:
    """Return a code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
