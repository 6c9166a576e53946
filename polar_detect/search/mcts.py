"""Monte Carlo tree search, as the authors of PoLar publish it.

Source: PoLar, arXiv 2606.06574, section 4 and mcts_discovery/run_mcts.py of its code.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from polar_detect.program import Program
from polar_detect.search.protocol import Log, Query, Search, check_counts
from polar_detect.search.space import Space, neighbours

_ROOT_CALLS = 4  # calls that one edit skips or repeats at the root; 1 below


@dataclass(frozen=True, slots=True)
class MctsSettings:
    """How a tree search spends its simulations; the defaults are the published ones.

    Parameters
    ----------
    n_simulations : int
        Each measures at most one program.
    length_strength : float
        Weight of a program's length, as a share of the full one, against its reward.
    random_share : float
        Share of the steps down the tree that go to a random child.
    max_runs : int
        Most calls of a layer; 4 is CoLa's.
    seed : int
    """

    n_simulations: int = 200
    length_strength: float = 5.0
    random_share: float = 0.1
    max_runs: int = 2
    seed: int = 42

    def __post_init__(self) -> None:
        check_counts(self, n_simulations=0, max_runs=1)


@dataclass(eq=False, slots=True)
class _Node:
    program: Program
    parent: "_Node | None" = None
    children: list["_Node"] = field(default_factory=list)
    visits: int = 0
    total: float = 0.0
    reward: float | None = None
    bound: float = -math.inf
    is_explored: bool = False

    def path(self) -> Iterator["_Node"]:
        node: _Node | None = self
        while node is not None:
            yield node
            node = node.parent


def mcts(
    n_layers: int,
    *,
    tolerance: float,
    settings: MctsSettings | None = None,
    space: Space | None = None,
) -> Search:
    """Grow a tree of edits by upper confidence bounds with a length penalty.

    A valid program is worth 1, any other 0. In every simulation the walk down the tree takes
    the child with the highest bound (one time in ten a random one), the leaf that it reaches
    gets its neighbours as children, and one of them, drawn at random, is measured.

    Parameters
    ----------
    n_layers : int
    tolerance : float
    settings : MctsSettings, optional
    space : Space, optional
        Only its programs are returned. Default: all that were met; edits of edits lead out of
        PoLar's space, such as a layer repeated after the next one was skipped.

    Raises
    ------
    ProgramError
        If the space is that of another number of layers.
    """
    if space is not None:
        space.check(n_layers)
    settings = settings or MctsSettings()
    rng = np.random.default_rng(settings.seed)
    log = Log(tolerance)
    root = _Node(Program.full(n_layers))
    start = log.start((yield Query((root.program,))), n_layers)
    root.reward = float(log.meets_criterion(start))
    met = {root.program}
    for _ in range(settings.n_simulations):
        leaf = _descend(root, rng, settings.random_share)
        node = _expand(leaf, met, rng, settings.max_runs)
        if node.reward is None:
            answer = yield Query((node.program,))
            (candidate,) = log.meet((node.program,), answer.losses)
            node.reward = float(log.meets_criterion(candidate))
        _back_up(node, root, n_layers, settings.length_strength)
    if space is not None:
        log.losses = {program: loss for program, loss in log.losses.items() if program in space}
    return log.found()


def _descend(root: _Node, rng: np.random.Generator, random_share: float) -> _Node:
    node = root
    while open_children := [child for child in node.children if not child.is_explored]:
        if rng.random() < random_share:
            node = open_children[int(rng.integers(len(open_children)))]
        else:
            node = max(open_children, key=lambda child: child.bound)
    return node


def _expand(node: _Node, met: set[Program], rng: np.random.Generator, max_runs: int) -> _Node:
    """Give a leaf its children and return one of them, or the leaf itself if it has none."""
    if not node.is_explored:
        max_calls = _ROOT_CALLS if node.parent is None else 1
        near = neighbours(node.program, max_calls=max_calls, max_runs=max_runs)
        new = [program for program in near if program not in met]
        met.update(new)
        node.children += [_Node(program, node) for program in new]
        node.is_explored = not node.children
    return node.children[int(rng.integers(len(node.children)))] if node.children else node


def _back_up(node: _Node, root: _Node, n_layers: int, length_strength: float) -> None:
    reward = node.reward or 0.0
    for step in node.path():  # leaf to root, so the root counts this visit last
        step.visits += 1
        step.total += reward
        penalty = length_strength * len(step.program) / n_layers
        explored = math.sqrt(2 * math.log(root.visits + 1) / step.visits)
        step.bound = step.total / step.visits - penalty + explored
        if step.children and all(child.is_explored for child in step.children):
            step.is_explored = True
