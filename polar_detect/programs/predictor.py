"""A small network that proposes programs for a text from its hidden states.

Proposals are guesses: `minimal_predicted_programs` runs them and returns only what is valid.
Source: PoLar, arXiv 2606.06574 (single-shot prediction); RE-PoLar, arXiv 2609.31360, reports
that such predictors collapse to one program.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from polar_detect.arrays import Float32Array
from polar_detect.atomic import write_file
from polar_detect.errors import ArtifactError, InputError
from polar_detect.executor.decoder import Executor
from polar_detect.numerics.lanes import plain_modes
from polar_detect.program import Program
from polar_detect.programs.minimal import MinimalProgram, find_minimal_programs
from polar_detect.programs.predictor_network import (
    MAX_SEGMENT,
    NO_OP,
    PredictorSettings,
    ProgramNetwork,
    beam_decode,
    trained,
)
from polar_detect.search import menu_search
from polar_detect.search.space import Space

_SETTINGS, _TENSORS = "predictor.json", "predictor.safetensors"


@dataclass(frozen=True, eq=False)
class ProgramLogits:
    """What a predictor says of each text.

    Parameters
    ----------
    starts : (n_texts, n_layers) float32
        Log-odds that a segment starts at the layer; the first layer's is not used.
    ops : (n_texts, n_layers, 3) float32
        Log-probability that a segment which starts at the layer is skipped, kept, repeated.
    """

    starts: Float32Array
    ops: Float32Array


class ProgramPredictor:
    """Segment and op logits of each layer, decoded into the most probable programs.

    Parameters
    ----------
    network : Module
        From standardised states (n_texts, n_depths · hidden) to (n_texts, n_layers, 4): the
        log-odds of a segment's start, and the logits of its op.
    mean, scale : (n_depths · hidden,) float32
    settings : PredictorSettings
    """

    def __init__(
        self, network: ProgramNetwork, mean: Tensor, scale: Tensor, settings: PredictorSettings
    ) -> None:
        self._network = network.eval()
        self._mean, self._scale = mean, scale
        self.settings = settings

    @property
    def n_layers(self) -> int:
        """Layers of the model whose states it reads."""
        return self._network.n_layers

    @classmethod
    @plain_modes()
    @torch.enable_grad()
    def fit(
        cls,
        trajectories: Float32Array,
        programs: Sequence[Program],
        settings: PredictorSettings | None = None,
    ) -> "ProgramPredictor":
        """Train on searched programs.

        Parameters
        ----------
        trajectories : (n_texts, n_layers + 1, hidden) float32
            As `polar_detect.signature.reading.traces.Traces` has them.
        programs : sequence of Program
            The minimal program of each text, of PoLar's space; learned in canonical form.

        Raises
        ------
        InputError
            When there are fewer than 10 texts, or not one program for each.
        ProgramError
            When a program is not in PoLar's space.
        """
        settings = settings or PredictorSettings()
        if len(programs) < 10 or len(programs) != len(trajectories):
            raise InputError(
                f"Got {len(trajectories)} texts and {len(programs)} programs; expected 10 or more "
                "texts with a program each; search more training texts."
            )
        space = Space(trajectories.shape[1] - 1, max_segment=MAX_SEGMENT)
        states = _at_depths(trajectories, settings.n_depths)
        mean, scale = states.mean(0), states.std(0).clamp_min(1e-6)
        ops = torch.tensor([_ops(space, program) for program in programs])
        network = trained((states - mean) / scale, ops, settings)
        return cls(network, mean, scale, settings)

    @plain_modes()
    @torch.no_grad()
    def logits(self, trajectories: Float32Array) -> ProgramLogits:
        """Return segment and op logits for each text.

        Raises
        ------
        InputError
            When the states are those of another model.
        """
        states = _at_depths(trajectories, self.settings.n_depths)
        n_layers = trajectories.shape[1] - 1
        if n_layers != self.n_layers or states.shape[1] != len(self._mean):
            hidden = len(self._mean) // self.settings.n_depths
            raise InputError(
                f"Got states of {n_layers} layers and {trajectories.shape[2]} dimensions; "
                f"expected {self.n_layers} and {hidden}; use the model that the predictor was "
                "trained with."
            )
        out = self._network((states - self._mean) / self._scale)
        ops = torch.log_softmax(out[:, :, 1:], -1)
        return ProgramLogits(out[:, :, 0].numpy(), ops.numpy())

    def propose(self, trajectories: Float32Array, *, n_programs: int = 8) -> list[list[Program]]:
        """Return the most probable programs of each text, distinct, most probable first."""
        logits = self.logits(trajectories)
        return [
            beam_decode(starts, ops, n_programs)
            for starts, ops in zip(logits.starts, logits.ops, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write settings as JSON and weights as safetensors into a folder, made if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"network.{name}": value for name, value in self._network.state_dict().items()}
        tensors |= {"mean": self._mean, "scale": self._scale}
        stored = {"n_layers": self.n_layers, "settings": asdict(self.settings)}
        # save_file would keep other users from reading it.
        write_file(folder / _TENSORS, safetensors.torch.save(tensors))
        write_file(folder / _SETTINGS, (json.dumps(stored, indent=1) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> "ProgramPredictor":
        """Read what `save` wrote; raise `ArtifactError` where it is something else."""
        try:
            stored = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
            tensors = safetensors.torch.load_file(folder / _TENSORS)
            return cls._from(stored, tensors)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise ArtifactError(
                f"Got '{folder}', which holds no readable predictor ({error}); expected "
                f"{_SETTINGS} and {_TENSORS} as ProgramPredictor.save writes them; train one anew."
            ) from error

    @classmethod
    def _from(cls, stored: dict[str, Any], tensors: dict[str, Tensor]) -> "ProgramPredictor":
        settings = PredictorSettings(**stored["settings"])
        mean, scale = tensors.pop("mean"), tensors.pop("scale")
        network = ProgramNetwork(len(mean), int(stored["n_layers"]), settings)
        network.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items()})
        return cls(network, mean, scale, settings)


def minimal_predicted_programs(
    executor: Executor,
    rows: Sequence[Sequence[int]],
    proposals: Sequence[Sequence[Program]],
    *,
    tolerance: float = 0.1,
) -> list[MinimalProgram]:
    """Return the shortest valid proposal of each text, else the full program; verified.

    Each text's proposals are its own menu (see `polar_detect.search.menu_search`).

    Parameters
    ----------
    executor : Executor
    rows : sequence of token id sequences
        Texts without start token.
    proposals : one sequence of Program per text
    tolerance : float
        Nats per token by which a valid program's loss may exceed the full program's.
    """
    menus = [partial(menu_search, programs=own) for own in proposals]
    return find_minimal_programs(executor, rows, tolerance=tolerance, search=menus)


def _ops(space: Space, program: Program) -> list[int]:
    """Return the op at each layer at which a segment starts, and `NO_OP` elsewhere."""
    ops = [NO_OP] * space.n_layers
    for segment in space.segments(program):
        ops[segment.first] = segment.runs
    return ops


def _at_depths(trajectories: Float32Array, n_depths: int) -> Tensor:
    """Return the states at some depths, (n_texts, n_depths · hidden); none for no tokens."""
    n_layers = trajectories.shape[1] - 1
    depths = np.linspace(0, n_layers, n_depths + 1).round().astype(int)[1:]
    chosen = np.nan_to_num(trajectories[:, depths])
    return torch.from_numpy(chosen.reshape(len(chosen), -1).astype(np.float32))
