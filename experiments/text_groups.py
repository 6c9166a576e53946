"""How often usual texts of new groups are flagged, as queries of new intents to one assistant.

    python experiments/text_groups.py [--seeds 5]

Queries of CLINC150. A detector is fitted on twelve of each of thirty intents, which are the groups;
scored are other queries of these intents, queries of thirty other intents, and queries out of
scope. It holds each query against those of the other intents, and against all others.

Prints which share of each is flagged at .05, and AUROC of those out of scope beside those of the
other intents. Reads: clinc150. Takes: 12 min (AMD EPYC, beside other work).
"""

import argparse
import warnings
from pathlib import Path

import common
import numpy as np

from polar_detect import PolarDetector
from polar_detect.metrics import auroc

_N_GROUPS = 30
_N_TRAIN, _N_TEST = 12, 7  # queries of each
_N_STRANGE = 200
_WAYS = {"other groups": True, "all others": False}


def figures(data: Path, seed: int, *, has_groups: bool) -> list[float]:
    """Return shares flagged of the same intents, of others, and out of scope; and AUROC."""
    chance = np.random.default_rng(seed)
    by_intent: dict[str, list[str]] = {}
    for text, intent in common.clinc_pairs(data, "train"):
        by_intent.setdefault(intent, []).append(text)
    intents = chance.permutation(sorted(by_intent)).tolist()
    old, new = intents[:_N_GROUPS], intents[_N_GROUPS : 2 * _N_GROUPS]
    train = [text for intent in old for text in by_intent[intent][:_N_TRAIN]]
    batches = [[text for own in old for text in by_intent[own][_N_TRAIN : _N_TRAIN + _N_TEST]]]
    batches.append([text for intent in new for text in by_intent[intent][:_N_TEST]])
    out_of_scope = common.clinc_queries(data, "oos_test")
    batches.append(chance.permutation(out_of_scope)[:_N_STRANGE].tolist())
    groups = np.repeat(old, _N_TRAIN) if has_groups else None
    detector = PolarDetector().fit(train, groups=groups)
    found = [detector.assess(own, programs_of="none") for own in batches]
    is_strange = np.repeat([False, True], [len(batches[1]), len(batches[2])])
    scores = np.concatenate([np.asarray(own.scores) for own in found[1:]])
    return [*(float(own.is_anomaly.mean()) for own in found), auroc(is_strange, scores)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = []
    for way, has_groups in _WAYS.items():
        runs = [figures(options.data, seed, has_groups=has_groups) for seed in range(options.seeds)]
        table.append([way, *(f"{value:.3f}" for value in np.mean(runs, axis=0))])
        common.say(" ".join(table[-1]))
    sizes = f"{_N_GROUPS} intents, {_N_TRAIN} queries of each fitted"
    print(f"{common.machine()}; {sizes}, seeds 0 to {options.seeds - 1}\n")
    shares = ["same intents flagged", "other intents flagged", "out of scope flagged", "AUROC"]
    print(common.markdown_table(["held against", *shares], table))


if __name__ == "__main__":
    main()
