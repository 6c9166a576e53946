"""What a request may say: texts, or rows of a table for a detector that was fitted on rows.

Hides how rows become the texts that the detector knows, and how what does not fit is refused.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any
from unicodedata import normalize

import pandas as pd
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from polar_detect.frames import example_row, unwritten
from polar_detect.messages.formatting import one_line
from polar_detect.messages.tongues import Tongue
from polar_detect.serve.settings import ServeSettings
from polar_detect.tables import RowTemplate

_NAME_CHARACTERS = 60
_N_NAMED = 20
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # JSON can hold it, and UTF-8 cannot


class Asked(BaseModel):
    """What a request asks about."""

    model_config = ConfigDict(extra="forbid")

    lang: Tongue = Field("en", description="Language of the reasons that /explain gives.")

    def as_texts(self) -> list[str]:
        """Return the texts that the detector reads."""
        raise NotImplementedError


class NoParameters(BaseModel):
    """What stands behind the path, where a `lang` or `alpha` would be passed over: nothing."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class OfKind:
    """Beside `Asked` in an annotation: which kind of body it is."""

    kind: Any

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of that kind."""
        return handler.generate_schema(self.kind)


def kind_of_body(template: RowTemplate | None, limits: ServeSettings) -> Any:
    """Return the type of a request's body, with the limits of the service.

    Parameters
    ----------
    template : RowTemplate or None
        How the texts that the detector was fitted on were written out of rows; None if they
        were not.
    limits : ServeSettings
    """
    if template is None:
        return _plain_texts(limits)
    texts: Any = Annotated[_written_rows(template, limits), Tag("texts")]
    rows: Any = Annotated[_rows(template, limits), Tag("rows")]
    return Annotated[texts | rows, Discriminator(_names_rows)]


def _names_rows(body: Any) -> str:
    return "rows" if isinstance(body, dict) and "rows" in body else "texts"


def printable(name: str) -> str:
    """Return a name that a client made up as an answer can hold it."""
    return one_line(_HALF_CHARACTER.sub("\ufffd", name), _NAME_CHARACTERS)


def _plain_texts(limits: ServeSettings) -> type[Asked]:
    Text = Annotated[str, StringConstraints(max_length=limits.max_chars)]

    class Texts(Asked):
        texts: list[Text] = _some(limits, "Texts to score.")

        @model_validator(mode="before")
        @classmethod
        def _refuse_rows(cls, body: Any) -> Any:
            if _names_rows(body) == "rows":
                raise _refusal(
                    "Got rows; expected texts, as the detector was fitted on texts; send "
                    '{"texts": [...]}.'
                )
            return body

        def as_texts(self) -> list[str]:
            return self.texts

    return Texts


def _written_rows(template: RowTemplate, limits: ServeSettings) -> type[Asked]:
    """Return the body of who writes rows out, just as the detector does."""
    example = example_row(template)

    def checked(texts: list[str]) -> list[str]:
        for i in unwritten(texts, template)[:1]:
            raise _refusal(
                f"Got texts[{i}], which is no row as the detector writes it; expected one "
                f"such as '{example}'; send {{\"rows\": [...]}}, and it writes them."
            )
        return texts

    Text = Annotated[str, StringConstraints(max_length=limits.max_chars)]

    class WrittenRows(Asked):
        texts: Annotated[list[Text], AfterValidator(checked)] = _some(
            limits, f"Rows, written just as the detector writes them: {example}"
        )

        def as_texts(self) -> list[str]:
            return self.texts

    return WrittenRows


def _rows(template: RowTemplate, limits: ServeSettings) -> type[Asked]:
    """Return the body with rows that the detector writes out itself, as `score` does."""
    columns, max_chars = template.names, limits.max_chars
    needed = [name for name in columns if name not in template.dispensable]

    def checked(row: dict[str, Any]) -> dict[str, Any]:
        row = _by_own_names(row, columns)
        _check_row(row, columns, needed, max_chars)
        return row

    row_schema = WithJsonSchema(_row_schema(columns, needed, max_chars))
    Row = Annotated[dict[str, Any], AfterValidator(checked), row_schema]

    class Rows(Asked):
        rows: list[Row] = _some(limits, "Rows to score: what stands in each column.")

        @model_validator(mode="before")
        @classmethod
        def _refuse_both(cls, body: Any) -> Any:
            if "texts" in body:
                raise _refusal("Got texts and rows; expected one of them; send two requests.")
            return body

        def as_texts(self) -> list[str]:
            cells = {
                name: pd.Series([row.get(name) for row in self.rows], dtype=object)
                for name in columns
            }
            return template.texts(pd.DataFrame(cells))

    return Rows


def _by_own_names(row: dict[str, Any], columns: list[str]) -> dict[str, Any]:
    """Return a row by the names of columns, whose accents and syllables may be written apart.

    A row that has a name in both ways stays as it is, and is refused.
    """
    own = {normalize("NFC", name): name for name in columns}
    named = {
        name if name in columns else own.get(normalize("NFC", name), name): cell
        for name, cell in row.items()
    }
    return named if len(named) == len(row) else row


def _check_row(row: dict[str, Any], columns: list[str], needed: list[str], max_chars: int) -> None:
    """Refuse a row with other columns, or with what is no cell."""
    missing = [name for name in needed if name not in row]
    unknown = [name for name in row if name not in columns]
    got = [f"without {_listed(missing)}"] * bool(missing)
    got += [f"with {_listed(unknown)}, which the detector does not know"] * bool(unknown)
    if got:
        raise _refusal(
            f"Got a row {' and '.join(got)}; expected the columns {_listed(columns)}; send each of "
            "them, null for an empty cell."
        )
    wrong = [name for name, cell in row.items() if not _is_cell(cell, max_chars)]
    if wrong:
        raise _refusal(
            f"Got a row with what is no cell in {_listed(wrong)}; expected a number, a text of at "
            f"most {max_chars} characters, true, false or null; correct it."
        )


def _some(limits: ServeSettings, description: str) -> Any:
    return Field(min_length=1, max_length=limits.max_texts, description=description)


def _is_cell(cell: Any, max_chars: int) -> bool:
    if isinstance(cell, str):
        return len(cell) <= max_chars and not _HALF_CHARACTER.search(cell)
    if isinstance(cell, float):
        return math.isfinite(cell)
    return cell is None or isinstance(cell, int)


def _row_schema(columns: list[str], needed: list[str], max_chars: int) -> dict[str, Any]:
    cell = {"type": ["number", "string", "boolean", "null"], "maxLength": max_chars}
    return {
        "type": "object",
        "properties": dict.fromkeys(columns, cell),
        "required": needed,
        "additionalProperties": False,
    }


def _listed(names: Iterable[str]) -> str:
    listed = [*map(printable, names)]
    return ", ".join(listed[:_N_NAMED]) + ", …" * (len(listed) > _N_NAMED)


def _refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("unfit", message)
