"""Load on `polar-detect serve` over loopback: throughput, latency, lost requests, memory.

    python experiments/load_test.py --detector DIR [--soak-s 600] [--texts 4] [--explain | --mixed]

With --mixed requests differ: 1 to 16 texts of 1 to 60 words, to both routes.

Starts the server as a user would, asks it from 1, 8 and 64 clients at a time, then from 8 for
the time of the soak, and stops it with SIGTERM. Every request must get its own answer: 200 with
as many results as texts, or 429, after which the client waits as told and asks again.

Prints a line for each phase, and what was lost. Reads: no data set. Takes: 11 min (--soak-s 600).
"""

import argparse
import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx2
import numpy as np
import psutil
from bench_processes import CLI

PHASES = (1, 8, 64)
SOAK_CLIENTS, N_SLICES = 8, 10
N_DISTINCT = 997  # texts that the clients draw from; prime, so that requests differ


@dataclass
class Tally:
    """What the clients of one phase saw."""

    seconds: list[float] = field(default_factory=list)
    n_texts: int = 0
    n_refused: int = 0
    lost: list[str] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)  # as first answered


@dataclass(frozen=True)
class PhaseResult:
    """One phase in figures."""

    phase: str
    n_clients: int
    duration_s: float
    n_answered: int
    n_refused: int
    n_lost: int
    lost: tuple[str, ...]  # the first few
    texts_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    rss_mb: float


def start_server(detector: Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-c", CLI]
    command += ["serve", "--detector", str(detector), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://\S+?:\d+", line)
    if found is None:
        process.kill()
        raise SystemExit(f"The server did not start: {line}{process.stderr.read()}")
    return process, found[0]


async def ask(client: httpx2.AsyncClient, path: str, texts: list[str], tally: Tally) -> None:
    """Ask until answered; note what is lost."""
    begun = time.monotonic()
    while True:
        try:
            answer = await client.post(path, json={"texts": texts})
        except httpx2.HTTPError as error:
            tally.lost.append(type(error).__name__)
            return
        if answer.status_code == 429:
            tally.n_refused += 1
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            continue
        if answer.status_code != 200 or len(answer.json()["results"]) != len(texts):
            tally.lost.append(f"status {answer.status_code}")
            return
        for text, result in zip(texts, answer.json()["results"], strict=True):
            known = tally.scores.setdefault(text, result["score"])
            if known != result["score"]:  # to the last digit, in whatever batch it was read
                tally.lost.append(f"got {result['score']} where {known} was answered before")
                return
        tally.seconds.append(time.monotonic() - begun)
        tally.n_texts += len(texts)
        return


def text(k: int, args: argparse.Namespace) -> str:
    """Return the kth of the texts that clients draw from."""
    start = f"Pump {k} leaks oil again"
    if not args.mixed:
        return start
    words = (start + " and runs hot since the last shift" * 10).split()
    return " ".join(words[: 1 + k % 60])


def request(number: int, args: argparse.Namespace) -> tuple[str, list[str]]:
    """Return path and texts of a request."""
    n_texts = 1 + number % 16 if args.mixed else args.texts
    # Ranges that overlap, so that texts come again in other company.
    start = number * (7 if args.mixed else args.texts)
    texts = [text((start + i) % N_DISTINCT, args) for i in range(n_texts)]
    is_explained = args.explain or (args.mixed and number % 3 == 0)
    return "/explain" if is_explained else "/score", texts


async def run_clients(
    address: str, n_clients: int, duration_s: float, args: argparse.Namespace
) -> Tally:
    tally, until = Tally(), time.monotonic() + duration_s
    counter = iter(range(10**9))

    async def one() -> None:
        while time.monotonic() < until:
            await ask(client, *request(next(counter), args), tally)

    limits = httpx2.Limits(max_connections=n_clients)
    async with httpx2.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        await asyncio.gather(*(one() for _ in range(n_clients)))
    return tally


def measure(
    address: str,
    server: psutil.Process,
    args: argparse.Namespace,
    n_clients: int,
    phase: str = "load",
) -> PhaseResult:
    begun = time.monotonic()
    duration_s = args.phase_s if phase == "load" else args.soak_s / N_SLICES
    tally = asyncio.run(run_clients(address, n_clients, duration_s, args))
    duration = time.monotonic() - begun
    latencies = np.asarray(tally.seconds) * 1000
    if not len(latencies):
        raise SystemExit(f"No request was answered; lost: {tally.lost[:5]}")
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99])
    return PhaseResult(
        phase=phase,
        n_clients=n_clients,
        duration_s=round(duration, 1),
        n_answered=len(latencies),
        n_refused=tally.n_refused,
        n_lost=len(tally.lost),
        lost=tuple(tally.lost[:3]),
        texts_per_s=round(tally.n_texts / duration, 1),
        p50_ms=round(float(p50), 1),
        p95_ms=round(float(p95), 1),
        p99_ms=round(float(p99), 1),
        rss_mb=round(server.memory_info().rss / 1e6, 1),
    )


def soak(address: str, server: psutil.Process, args: argparse.Namespace) -> Iterator[PhaseResult]:
    """Run the soak in slices, so that the memory curve shows."""
    for _ in range(N_SLICES):
        yield measure(address, server, args, SOAK_CLIENTS, "soak")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--phase-s", type=float, default=20.0)
    parser.add_argument("--soak-s", type=float, default=60.0)
    parser.add_argument("--texts", type=int, default=4, help="texts per request")
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("experiments/out/load_test.json"))
    args = parser.parse_args()
    process, address = start_server(args.detector)
    results = []
    try:
        server = psutil.Process(process.pid)
        for n_clients in PHASES:
            results.append(measure(address, server, args, n_clients))
            print(results[-1], flush=True)
        for result in soak(address, server, args):
            results.append(result)
            print(result, flush=True)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(120)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps([asdict(r) for r in results], indent=1))
    n_lost = sum(result.n_lost for result in results)
    growth = results[-1].rss_mb - results[len(PHASES)].rss_mb
    for reason in sorted({reason for result in results for reason in result.lost}):
        print(reason)
    print(f"lost {n_lost}; memory over the soak {growth:+.1f} MB; exit code {code}")
    if n_lost or code:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
