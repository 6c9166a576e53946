"""Draw jobs: what broke on which machine, what was done, and what does not belong at all."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from damage import DAMAGES, Damage
from grammar import Writer, expand, pick

ARROW = " -> "


@dataclass(frozen=True)
class Job:
    """One job, before it has a number and a date.

    Parameters
    ----------
    machine, text : str
    size : str
        A key of `orders.SIZES`.
    kind : str
        "normal", or what makes it an anomaly.
    """

    machine: str
    text: str
    size: str
    kind: str = "normal"


class Author:
    """Draws jobs from a phrase file, and never writes the same text twice.

    Parameters
    ----------
    path : Path
        The phrase file.
    """

    def __init__(self, path: Path) -> None:
        phrases = tomllib.loads(path.read_text(encoding="utf-8"))
        self._phrases = phrases
        self._machines: dict[str, list[str]] = phrases["machines"]
        self._writers = [Writer(**habits) for habits in phrases["writers"]]
        self._damage = Damage(**phrases["damage"])
        templates = [*phrases["fault"].values(), *phrases["routine"].values()]
        self._templates = [t for t in templates for _ in range(t["rate"])]
        self._seen: set[str] = set()

    def normal(self, rng: Random) -> Job:
        """Draw a job that belongs."""
        while True:
            template = pick(rng, self._templates)
            text, size = self._say(rng, template)
            job = Job(
                machine=pick(rng, self._machines_for(rng, template)),
                text=self._put_down(rng, text),
                size=size,
            )
            if self._fits(job.text) and job.text.lower() not in self._seen:
                self._seen.add(job.text.lower())
                return job

    def anomalies(self, rng: Random, n_of_each: int) -> list[Job]:
        """Draw the same number of anomalies of each kind."""
        written = [
            self._anomaly(rng, kind, line)
            for kind, lines in self._phrases["anomalies"].items()
            for line in lines[:n_of_each]
        ]
        return written + [self._corrupted(rng, i) for i in range(n_of_each)]

    def _machines_for(self, rng: Random, template: Mapping[str, Any]) -> Sequence[str]:
        if "only" in template:
            return str(template["only"]).split(", ")
        return self._machines[pick(rng, template["machines"].split())]

    def _say(self, rng: Random, template: Mapping[str, Any]) -> tuple[str, str]:
        if "note" in template:
            return expand(rng, pick(rng, template["note"]), {}), template["size"]
        shapes = self._phrases["shapes"]
        shape = pick(rng, shapes["repaired"] + shapes["open"])
        cause, action, *size = pick(rng, template["repair"]).split(ARROW)
        lists = self._phrases["common"] | template | {"cause": [cause], "action": [action]}
        is_open = shape in shapes["open"]  # looked at, not repaired: hardly any cost yet
        return expand(rng, shape, lists), "check" if is_open else (size or [template["size"]])[0]

    def _put_down(self, rng: Random, text: str) -> str:
        return pick(rng, self._writers).write(
            rng,
            text,
            abbreviations=self._phrases["abbreviations"],
            misspellings=self._phrases["misspellings"],
        )

    def _fits(self, text: str) -> bool:
        limits = self._phrases["length"]
        n_units = len(text.split()) if limits["unit"] == "words" else len(text)
        return bool(limits["min"] <= n_units <= limits["max"])

    def _anomaly(self, rng: Random, kind: str, line: str) -> Job:
        machine_class, text = line.split(ARROW, maxsplit=1)
        classes = list(self._machines) if machine_class == "any" else [machine_class]
        machine = pick(rng, self._machines[pick(rng, classes)])
        # People wrote these two and have habits; programs wrote the others and have none.
        if kind in {"wrong_department", "rare_failure"}:
            text = self._put_down(rng, expand(rng, text, {}))
        return Job(machine, text, "disaster" if kind == "rare_failure" else "quick", kind)

    def _corrupted(self, rng: Random, index: int) -> Job:
        # The middle one of three: short texts leave too little to damage, long ones stand out.
        job = sorted((self.normal(rng) for _ in range(3)), key=lambda job: len(job.text))[1]
        damaged = DAMAGES[index % len(DAMAGES)](rng, job.text, self._damage)
        return replace(job, text=damaged, kind="corrupted_text")
