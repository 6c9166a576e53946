"""Scoring on a Ray cluster: Ray Data hands chunks of texts to actors that hold the detector.

Only reading the input and writing the output stay with the driver: that is five orders of
magnitude quicker than reading texts with a language model. Needs the extra `ray`.
"""

import importlib.util
import itertools
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from polar_detect.artifact.sealing import check_not_replaced
from polar_detect.assessment import Result
from polar_detect.errors import InputError
from polar_detect.messages.tongues import Tongue
from polar_detect.scoring.results import LocalEngine, from_arrow, to_arrow

# Chunks that Ray holds at a time. Actors are started anew for each window, which takes seconds,
# and a window of a million rows takes hours.
_WINDOW = 4096


@dataclass(frozen=True)
class RayOptions:
    """Where and on what to score.

    Parameters
    ----------
    address : str or None
        Of a cluster, e.g. ray://head:10001, or auto; None for $RAY_ADDRESS, else a new local one.
    n_workers : int or None
        Actors; each loads the models. None for one per processor of the cluster.
    gpus : float
        GPUs of each actor; 0 for processors only.
    """

    address: str | None = None
    n_workers: int | None = None
    gpus: float = 0.0


class RayFleet:
    """Scores chunks of texts on a cluster, in any order.

    Parameters
    ----------
    detector_folder : Path
        Sent to every actor, so that nodes need not share a disk. They need the same version of
        polar-detect, and the language model where this machine has it, or in their cache.
    sha256 : str
        Of its manifest, so that no other detector is taken for it.
    options : RayOptions
    tongue : {"en", "ja"}
        Language of the reasons.
    """

    def __init__(
        self, detector_folder: Path, sha256: str, options: RayOptions, *, tongue: Tongue = "en"
    ) -> None:
        self._folder = detector_folder
        self._sha256 = sha256
        self._options = options
        self._tongue = tongue

    def __call__(
        self, chunks: Iterable[tuple[int, list[str]]]
    ) -> Iterator[tuple[int, list[Result]]]:
        """Yield the number and the results of each chunk as it is finished."""
        import ray

        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports home by default
            ray.init(self._options.address, include_dashboard=False, log_to_driver=False)
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # it reports every step
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        detector = ray.put(_packed(self._folder, self._sha256))
        n_workers = self._options.n_workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        waiting = iter(chunks)
        while window := list(itertools.islice(waiting, _WINDOW)):
            yield from self._score(window, detector, min(n_workers, len(window)))

    def _score(
        self, window: list[tuple[int, list[str]]], detector: Any, n_workers: int
    ) -> Iterator[tuple[int, list[Result]]]:
        import ray

        items = [{"chunk": chunk, "texts": texts} for chunk, texts in window]
        scored = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
            Worker,
            batch_size=1,
            batch_format="pyarrow",
            fn_constructor_args=(detector, self._tongue),
            compute=ray.data.ActorPoolStrategy(size=n_workers),
            num_gpus=self._options.gpus,
        )
        for row in scored.iter_rows():
            yield int(row["chunk"]), _from_bytes(row["results"])


class Worker:
    """An actor: loads the detector once, and scores chunk after chunk.

    Parameters
    ----------
    detector : ObjectRef of dict
        Files of the detector's folder.
    tongue : {"en", "ja"}
    """

    def __init__(self, detector: Any, tongue: Tongue) -> None:
        import ray

        from polar_detect.detector import PolarDetector

        with tempfile.TemporaryDirectory() as folder:
            for name, content in ray.get(detector).items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self._engine = LocalEngine(PolarDetector.load(Path(folder)), tongue=tongue)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the chunks' numbers with their results."""
        results = [_as_bytes(self._engine(texts)) for texts in batch.column("texts").to_pylist()]
        return pa.table({"chunk": batch.column("chunk"), "results": results})


def check_installed() -> None:
    """Raise `InputError` naming the install command when Ray is missing."""
    if importlib.util.find_spec("ray") is None:
        raise InputError(
            "Got no ray; expected the extra 'ray'; install it: pip install \"polar-detect[ray]\""
        )


def _packed(folder: Path, sha256: str) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    packed = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    check_not_replaced(folder, sha256)
    return packed


def _as_bytes(results: list[Result]) -> bytes:
    table, sink = to_arrow(results), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _from_bytes(content: bytes) -> list[Result]:
    with pa.ipc.open_stream(content) as stream:
        return from_arrow(stream.read_all())
