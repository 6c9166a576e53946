"""Figures in a file, with which a run of the same settings, sources and machine goes on."""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import sources

Figures = dict[str, float]  # AUROC by method


@dataclass(frozen=True)
class Kept:
    """A JSON file of figures and of what they depend on.

    Parameters
    ----------
    path : Path or None
        None: nothing is kept.
    settings : dict of str
        What the figures depend on, the package's sources and the machine among them.
    """

    path: Path | None
    settings: dict[str, Any]

    @classmethod
    def of(cls, path: Path | None, **settings: object) -> "Kept":
        """Return where the figures of a run with these settings are kept."""
        whole = settings | {
            "sources": sources.digest(sources.PATHS.values()),
            "machine": common.machine(is_dated=False),
        }
        return cls(path, json.loads(json.dumps(whole, default=str)))

    def read(self) -> dict[str, Any]:
        """Return what an earlier run has left, or end the script where that was another run."""
        if self.path is None or not self.path.exists():
            return {}
        stored = json.loads(self.path.read_text(encoding="utf-8"))
        others = stored.get("settings") or {}
        if differing := [name for name in self.settings if others.get(name) != self.settings[name]]:
            pairs = [{name: own.get(name) for name in differing} for own in (others, self.settings)]
            sys.exit(
                f"Got --out '{self.path}' of a run with {pairs[0]}; expected {pairs[1]}; name "
                "another file."
            )
        figures: dict[str, Any] = stored["figures"]
        return figures

    def write(self, figures: dict[str, Any]) -> None:
        """Replace what the file holds."""
        if self.path is not None:
            partial = self.path.with_suffix(".partial")
            common.write_json(partial, {"settings": self.settings, "figures": figures})
            partial.replace(self.path)  # whole, or as it was


def by_task(
    kept: Kept, units: Iterable[tuple[str, int]], measure: Callable[[str, int], Figures]
) -> dict[str, list[Figures]]:
    """Return the figures of each task and seed, by task; `measure` gets those not kept yet."""
    figures, found = kept.read(), dict[str, list[Figures]]()
    for task, seed in units:
        key = f"{task}, seed {seed}"
        if key not in figures:
            figures[key] = measure(task, seed)
            kept.write(figures)
        found.setdefault(task, []).append(figures[key])
    return found
