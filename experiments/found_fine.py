"""Whether a flagged row that is like rows which were reviewed and found normal is harmless.

    python experiments/found_fine.py [--sets machines,orders] [--known 3,10,30] [--seeds 2]

The anomalies of `known_anomalies.py`, of which each kind in turn is harmless: whoever looks at one
says that it is normal. Another kind is new, of the others so many are labelled anomalies. Reviewed
are the flagged ones of these, of thrice as many harmless ones, and of 400 normal rows. Of rows
whole detectors are updated; of texts, which take models minutes, those are strange that are farther
from their five nearest normal texts than 19 of 20 held-out ones (MiniLM). Told are the flagged ones
of up to 150 others of each kind and of 800 normal ones.

Prints which share of the flagged ones is told to be like what was found fine: of the harmless kind,
of normal rows, of labelled kinds, and of the new one; and of the latter two where one that is near
enough says so, in place of three. Reads: ai4i2020, excavator_mwo, clinc150, sentconv, loghub2k,
textoir_stackoverflow. Takes: 18 min (AMD EPYC, beside much other work).
"""

import argparse
import warnings
from collections.abc import Iterator, Mapping
from unittest import mock

import common
import known_anomalies
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect import PolarDetector
from polar_detect.calibration import p_values_or_nan
from polar_detect.features.table import FeatureTable
from polar_detect.signature import found_fine
from polar_detect.signature.found_fine import FoundFine
from polar_detect.signature.known_anomalies import Deviations, KnownAnomalies, Labelled
from polar_detect.signature.normal.changes import Covariances

_N_NORMAL, _MOST, _HARMLESS = 400, 150, 3
_GROUPS = ("harmless", "normal", "known", "new")
Told = tuple[
    NDArray[np.str_], NDArray[np.bool_]
]  # of flagged ones: of what group, and if it is told


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore")  # of columns that may be counts
    rows = []
    for name in options.sets:
        for n_known in options.known:
            shares = []
            for least in (3, 1):
                with mock.patch.object(found_fine, "_LEAST", least):
                    parts = [*_draws(name, options, n_known)]
                group, is_told = (np.concatenate(own) for own in zip(*parts, strict=True))
                shares += [is_told[group == own].mean() for own in _GROUPS]
            means = [f"{share:.2f}" for share in (*shares[:4], *shares[6:])]
            rows.append([name, str(n_known), *means])
            common.say(" ".join(rows[-1]))
    header = ["set", "known of each", *_GROUPS, "known (one)", "new (one)"]
    print(f"{common.machine()}; {options.seeds} seeds, each kind harmless in turn\n")
    print(common.markdown_table(header, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument(
        "--sets", type=common.some_of(known_anomalies.SETS), default=tuple(known_anomalies.SETS)
    )
    parser.add_argument("--known", type=known_anomalies.counts, default=(3, 10, 30), help="a,b")
    parser.add_argument("--seeds", type=int, default=2)
    return parser.parse_args()


def _draws(name: str, options: argparse.Namespace, n_known: int) -> Iterator[Told]:
    normal, kinds = known_anomalies.SETS[name](options.data)
    for i, harmless in enumerate(kinds):
        for seed in range(options.seeds):
            others = [kind for kind in kinds if kind != harmless]
            roles = dict.fromkeys(kinds, "known") | {
                harmless: "harmless",
                others[(i + seed) % len(others)]: "new",
            }
            if isinstance(normal, pd.DataFrame):
                frames = {kind: own for kind, own in kinds.items() if isinstance(own, pd.DataFrame)}
                yield _of_rows(normal, frames, roles, n_known, seed)
            else:
                lists = {kind: own for kind, own in kinds.items() if isinstance(own, list)}
                yield _of_texts(normal, lists, roles, n_known, seed)


def _split(
    sizes: Mapping[str, int], roles: Mapping[str, str], n_known: int, seed: int
) -> tuple[dict[str, NDArray[np.intp]], dict[str, NDArray[np.intp]]]:
    """Return which of each kind are reviewed, and which are told."""
    rng = np.random.default_rng(seed)
    most = {"known": n_known, "harmless": _HARMLESS * n_known, "new": 0}
    reviewed, told = {}, {}
    for kind, size in sizes.items():
        order, n = rng.permutation(size), min(most[roles[kind]], size // 2)
        reviewed[kind], told[kind] = order[:n], order[n : n + _MOST]
    return reviewed, told


def _of_rows(
    normal: pd.DataFrame,
    kinds: Mapping[str, pd.DataFrame],
    roles: Mapping[str, str],
    n_known: int,
    seed: int,
) -> Told:
    """Update a detector with what it flags, and return what it says of later rows."""
    drawn = normal.sample(frac=1, random_state=seed)
    reviewed, told = _split({kind: len(own) for kind, own in kinds.items()}, roles, n_known, seed)
    first = PolarDetector(seed=seed).fit(drawn[:_N_NORMAL])
    looked_at = pd.concat(
        [drawn[_N_NORMAL : 2 * _N_NORMAL], *(kinds[own].iloc[at] for own, at in reviewed.items())]
    )
    is_odd = np.repeat(
        [False, *(roles[own] == "known" for own in reviewed)],
        [_N_NORMAL, *map(len, reviewed.values())],
    )
    is_flagged = first.predict(looked_at) == -1
    learned = first.updated(looked_at[is_flagged], is_odd[is_flagged])
    later = drawn[2 * _N_NORMAL : 4 * _N_NORMAL]
    found = learned.assess(
        pd.concat([later, *(kinds[own].iloc[at] for own, at in told.items())]), neighbours=False
    )
    group = np.repeat(
        ["normal", *(roles[own] for own in told)], [len(later), *map(len, told.values())]
    )
    like = np.asarray(found.like_fine or [0] * len(found)) > 0
    return group[found.is_anomaly], like[found.is_anomaly]


_EMBEDDED: dict[int, NDArray[np.float32]] = {}


def _embed(texts: list[str]) -> NDArray[np.float32]:
    """Return embeddings of a list of texts, each list read once."""
    key = hash(tuple(texts))
    if key not in _EMBEDDED:
        _EMBEDDED[key] = known_anomalies.encoder().embed(texts)
    return _EMBEDDED[key]


def _of_texts(
    normal: list[str],
    kinds: Mapping[str, list[str]],
    roles: Mapping[str, str],
    n_known: int,
    seed: int,
) -> Told:
    """Compare embeddings, as detectors do that read texts."""
    own = _embed(normal)[np.random.default_rng(seed).permutation(len(normal))]
    n = min(_N_NORMAL, len(own) // 4)
    fitted, held_out, usual, later = own[:n], own[n : n + 100], own[n + 100 : 2 * n], own[2 * n :]
    of_kinds = {kind: _embed(texts) for kind, texts in kinds.items()}
    reviewed, told = _split({kind: len(own) for kind, own in kinds.items()}, roles, n_known, seed)
    covariances = Covariances.fit(fitted[:, None])

    def far(own: NDArray[np.float32]) -> NDArray[np.float64]:
        nearest = np.sort(own @ fitted.T, axis=1)[:, -5:].astype(np.float64)
        return np.asarray(-nearest.mean(1))

    def flagged(own: NDArray[np.float32]) -> NDArray[np.bool_]:
        return p_values_or_nan(far(held_out), far(own)) <= 0.05

    def read(*parts: NDArray[np.float32]) -> Deviations:
        below = np.vstack(parts)
        below = below if parts[0] is held_out else below[flagged(below)]
        empty = FeatureTable.empty(len(below))
        return Deviations.of(empty, embeddings=below, normal=covariances)

    def of(role: str) -> list[NDArray[np.float32]]:
        return [of_kinds[kind][at] for kind, at in reviewed.items() if roles[kind] == role]

    fine, odd, beside = read(usual, *of("harmless")), read(*of("known")), read(held_out)
    names = [*map(str, range(len(fine.sentences)))]
    learned = FoundFine.fit(names, np.zeros(len(names)), fine, beside, normal=covariances)
    labels = Labelled(tuple(map(str, range(len(odd.sentences)))), ("",) * len(odd.sentences))
    known = KnownAnomalies.fit(labels, odd, beside, normal=covariances)
    tested = [later[: 2 * _N_NORMAL], *(of_kinds[kind][at] for kind, at in told.items())]
    group = np.repeat(["normal", *(roles[kind] for kind in told)], [*map(len, tested)])
    both = np.vstack(tested)
    is_flagged = flagged(both)
    new, empty = both[is_flagged], FeatureTable.empty(int(is_flagged.sum()))
    if learned is None:
        return group[is_flagged], np.zeros(len(new), bool)
    counts = learned.counts(empty, new, [] if known is None else known.nearest(empty, new))
    return group[is_flagged], np.asarray(counts) > 0


if __name__ == "__main__":
    main()
