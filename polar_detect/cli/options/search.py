"""Options of `polar-detect search`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.cli.options.shared import MaxTokens, Model


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Find the minimal layer program of a text."""

    text: Annotated[str | None, typer.Argument(help="The text; or use --file.")] = None
    file: Annotated[
        Path | None, typer.Option(help="Text file, one text a line. Default: none.")
    ] = None
    import_: Annotated[
        Path | None,
        typer.Option(
            "--import",
            help="merged_mcts_samples.json whose programs are measured. Default: none.",
        ),
    ] = None
    export: Annotated[
        Path | None,
        typer.Option(help="merged_mcts_samples.json for what is measured. Default: none."),
    ] = None
    method: Annotated[
        str | None,
        typer.Option(
            help="quick, thorough, patient, dynamic, beam, greedy, guided, mcts, exhaustive or "
            "menu (found on the first texts); encoders: exhaustive, greedy or mcts. Default: "
            "quick; encoders: exhaustive up to 8 layers, else greedy."
        ),
    ] = None
    space: Annotated[
        str | None,
        typer.Option(
            help="With --method exhaustive: skips, polar, cola or any-order; with mcts: polar or "
            "cola. Default: skips; with mcts all that its edits lead to."
        ),
    ] = None
    predictor: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a ProgramPredictor, whose proposals are measured instead of a "
            "search. Default: none."
        ),
    ] = None
    criterion: Annotated[
        str, typer.Option(help="What a valid program keeps: loss, prediction or answer.")
    ] = "loss"
    answer: Annotated[
        str | None,
        typer.Option(
            help="With --criterion answer: what follows TEXT, leading blank included. "
            "Default: none."
        ),
    ] = None
    agreement: Annotated[
        float | None,
        typer.Option(
            help="With --criterion prediction: share of positions with the same token. "
            "Default: 1.0."
        ),
    ] = None
    model: Model = "smollm2"
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="With --criterion loss: nats per token that a valid program may lose. "
            "Default: 0.1.",
        ),
    ] = None
    max_tokens: MaxTokens = MAX_TOKENS
    json: Annotated[bool, typer.Option("--json", help="One JSON object per text.")] = False

    @property
    def wants_answer(self) -> bool:
        """Whether texts are prompts that an answer follows."""
        return self.criterion == "answer"

    def __post_init__(self) -> None:
        """Refuse texts from nowhere, and from several places."""
        if sum(source is not None for source in (self.text, self.file, self.import_)) != 1:
            raise typer.BadParameter("give one of TEXT, --file and --import")
