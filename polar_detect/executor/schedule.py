"""Many programs for many texts as a prefix forest, and the forest as layer-synchronous steps.

Pure bookkeeping: hidden states are numbered memory slots here, tensors only in the executor.
"""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polar_detect.program import Program

MOST_NUMBERS = 2**26  # in final states of one text that are held together (256 MB), but for one
_SHARE_OF_MANY = 4  # of several texts so many times fewer, as each thread may hold such a group


@dataclass(frozen=True, slots=True)
class Job:
    """One program to run on one text (a row of the batch)."""

    text: int
    program: Program


@dataclass(frozen=True, slots=True)
class Step:
    """One call of one layer on many states.

    Parameters
    ----------
    layer : int
    sources, targets : tuple of int
        Slots read and slots written, in the same order. A target is its own source where no
        later step needs that state, and else a slot that was not used before.
    """

    layer: int
    sources: tuple[int, ...]
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the executor does, in order.

    Parameters
    ----------
    roots : tuple of (int, int)
        (text, slot) pairs: where each text's embedding is put.
    steps : tuple of Step
    ends : tuple of int
        Slot of each job's final state, in the order of the jobs. It stays untouched.
    n_slots : int
        Most states alive at once.
    calls : mapping of int to int
        Layer calls per text; shared prefixes count once.
    """

    roots: tuple[tuple[int, int], ...]
    steps: tuple[Step, ...]
    ends: tuple[int, ...]
    n_slots: int
    calls: Mapping[int, int]


def held_together(jobs: Sequence[Job], n_numbers: int) -> list[list[int]]:
    """Return the places of jobs in groups whose final states are held in memory together.

    A text's jobs are in one group, or, if they are too many for one, in as few as can be. So which
    of its prefixes run only once depends on no other text.

    Parameters
    ----------
    jobs : sequence of Job
    n_numbers : int
        In one state.
    """
    most = max(1, MOST_NUMBERS // n_numbers)
    most_of_many = max(1, most // _SHARE_OF_MANY)
    by_text: dict[int, list[int]] = {}
    for place, job in enumerate(jobs):
        by_text.setdefault(job.text, []).append(place)
    groups: list[list[int]] = []
    for places in by_text.values():
        for start in range(0, len(places), most):
            piece = places[start : start + most]
            if not groups or len(groups[-1]) + len(piece) > most_of_many:
                groups.append([])
            groups[-1] += piece
    return groups


def plan(jobs: Sequence[Job]) -> Schedule:
    """Turn jobs into steps in which every shared prefix of a text runs once.

    Of all states that wait for a layer, those that wait for the smallest layer index go
    first and together: one read of a layer's weights serves all texts and programs, and a
    state that arrives late by a loop still joins the others.

    Parameters
    ----------
    jobs : sequence of Job
        May repeat; a repeated job shares its state.

    Returns
    -------
    Schedule
    """
    forest = _Forest(jobs)
    slot_of = {node: slot for slot, node in enumerate(forest.roots.values())}
    roots = tuple((text, slot_of[node]) for text, node in forest.roots.items())
    n_slots = len(roots)
    waiting: dict[int, list[tuple[int, int]]] = {}  # layer → (parent node, child node)
    heap: list[int] = []

    def wait_for_children(node: int) -> None:
        for layer, child in forest.children[node].items():
            if not waiting.get(layer):
                waiting[layer] = []
                heapq.heappush(heap, layer)
            waiting[layer].append((node, child))

    for node in forest.roots.values():
        wait_for_children(node)
    steps = []
    while heap:
        layer = heapq.heappop(heap)
        pairs = waiting.pop(layer)
        for parent, child in pairs:
            forest.uses[parent] -= 1
            if forest.uses[parent]:  # someone still needs the parent's state
                slot_of[child] = n_slots
                n_slots += 1
            else:
                slot_of[child] = slot_of[parent]
        sources = tuple(slot_of[parent] for parent, _ in pairs)
        steps.append(Step(layer, sources, tuple(slot_of[child] for _, child in pairs)))
        for _, child in pairs:
            wait_for_children(child)
    ends = tuple(slot_of[node] for node in forest.ends)
    return Schedule(roots, tuple(steps), ends, n_slots, forest.calls)


class _Forest:
    """A prefix tree for each text over the layer sequences of its programs."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.children: list[dict[int, int]] = []
        self.uses: list[int] = []  # children still to be run, one more for each job's end
        self.roots: dict[int, int] = {}
        self.calls: Counter[int] = Counter()
        self.ends = [self._insert(job) for job in jobs]

    def _insert(self, job: Job) -> int:
        if job.text not in self.roots:
            self.roots[job.text] = self._new_node()
        node = self.roots[job.text]
        for layer in job.program:
            child = self.children[node].get(layer)
            if child is None:
                child = self._new_node()
                self.children[node][layer] = child
                self.uses[node] += 1
                self.calls[job.text] += 1
            node = child
        self.uses[node] += 1
        return node

    def _new_node(self) -> int:
        self.children.append({})
        self.uses.append(0)
        return len(self.children) - 1
