"""Search for the minimal program of a text, over an `evaluate` callable. No torch.

One small module per kind of search; `protocol` says how a search asks and is answered.
"""

from polar_detect.search.adaptive import MOST_HARM, Belief, adaptive_menu
from polar_detect.search.curve import loss_by_length
from polar_detect.search.dynamic import beam, dynamic, patient, quick, thorough
from polar_detect.search.exchange import Exchange
from polar_detect.search.exhaustive import exhaustive
from polar_detect.search.mcts import MctsSettings, mcts
from polar_detect.search.menu import menu_search
from polar_detect.search.protocol import (
    Answer,
    Candidate,
    Evaluate,
    Found,
    FullLoss,
    Method,
    Query,
    Search,
    Sweep,
    run_together,
    solve,
)
from polar_detect.search.refinement import Refinement
from polar_detect.search.removal import GuidedSettings, greedy, guided

METHODS: dict[str, Method] = {
    "quick": quick,
    "thorough": thorough,
    "patient": patient,
    "dynamic": dynamic,
    "beam": beam,
    "greedy": greedy,
    "guided": guided,
    "mcts": mcts,
    "exhaustive": exhaustive,
}
DEFAULT_METHOD = "quick"

__all__ = [
    "DEFAULT_METHOD",
    "METHODS",
    "MOST_HARM",
    "Answer",
    "Belief",
    "Candidate",
    "Evaluate",
    "Exchange",
    "Found",
    "FullLoss",
    "GuidedSettings",
    "MctsSettings",
    "Method",
    "Query",
    "Refinement",
    "Search",
    "Sweep",
    "adaptive_menu",
    "beam",
    "dynamic",
    "exhaustive",
    "greedy",
    "guided",
    "loss_by_length",
    "mcts",
    "menu_search",
    "patient",
    "quick",
    "run_together",
    "solve",
    "thorough",
]
