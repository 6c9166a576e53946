"""Requests that no client library would send, over a plain socket to a running service."""

import contextlib
import gzip
import json
import logging
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import uvicorn

from polar_detect.serve import server
from polar_detect.serve.answers import Explained, Score
from polar_detect.serve.app import create_app
from polar_detect.serve.settings import ServeSettings

LIMITS = ServeSettings(max_texts=8, max_chars=300, max_body_bytes=200_000, timeout_s=1)


class Quick:
    """Stands for a detector: these requests are none of its business."""

    alpha = 0.05
    template = None
    fitted_at = "2026-11-29T08:00:00+00:00"

    def score(self, texts):
        return [Score(score=float(len(t)), p_value=0.5, is_anomaly=False) for t in texts]

    def explain(self, texts, tongue):  # noqa: ARG002
        return [Explained(**s.model_dump(), top_layers="") for s in self.score(texts)]


@pytest.fixture(scope="module")
def port():
    bound = server.bind("127.0.0.1", 0)
    running = uvicorn.Server(uvicorn.Config(create_app(Quick(), LIMITS), log_level="error"))
    thread = threading.Thread(target=running.run, args=([bound],))
    thread.start()
    while not running.started:
        pass
    yield bound.getsockname()[1]
    running.should_exit = True
    thread.join()
    bound.close()


def ask(port, content, *, wait_s=4.0):
    """Send bytes; return the status of the answer, or None where there is none."""
    answer = b""
    connection = socket.create_connection(("127.0.0.1", port), timeout=wait_s)
    # The service closes before it has read all, or leaves open after its answer, or for more.
    with connection, contextlib.suppress(OSError):
        connection.sendall(content)
        while piece := connection.recv(65536):
            answer += piece
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else None


def post(body, *headers, path="/score", length=None):
    body = body.encode() if isinstance(body, str) else body
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close"]
    lines += ["Content-Type: application/json", *headers]
    lines += [f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


GOOD = json.dumps({"texts": ["pump leaks"]})
CHUNKED = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED += b"Transfer-Encoding: chunked\r\n"
HOSTILE = {
    "bytes": bytes(range(256)) * 20,
    "nothing": b"",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http-0.9": b"GET /healthz\r\n",
    "long-line": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
    "long-header": post(GOOD, "X-A: " + "a" * 1_000_000),
    "many-headers": post(GOOD, *(f"X-{i}: a" for i in range(20_000))),
    "nul-header": post(GOOD, "X-A: a\0b"),
    "traversal": b"GET /../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "static": b"GET /static-offline-docs/..%2f..%2f..%2fetc/passwd HTTP/1.1\r\nHost: x\r\n"
    b"Connection: close\r\n\r\n",
    "no-length": post(GOOD, length=""),
    "negative-length": post(GOOD, length=-1),
    "huge-length": post(GOOD, length=10**30),
    "odd-length": post(GOOD, length="0x10"),
    "two-lengths": post(GOOD, "Content-Length: 3"),
    "long-body": post(GOOD, length=len(GOOD) + 50),
    "both-lengths": post(GOOD, "Transfer-Encoding: chunked"),
    "bad-chunk": CHUNKED + b"\r\nZZ\r\nabc\r\n0\r\n\r\n",
    "huge-chunk": CHUNKED + b"\r\nFFFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",
    "many-chunks": CHUNKED + b"\r\n" + b"10000\r\n" + b" " * 65536 + b"\r\n" * 20,
    "packed": post(gzip.compress(GOOD.encode(), mtime=0), "Content-Encoding: gzip"),
    "websocket": b"GET /score HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "deep": post("[" * 90_000),
    "deep-objects": post('{"texts":' * 20_000),
    "not-a-number": post('{"texts": [NaN]}'),
    "digits": post('{"texts": [' + "9" * 100_000 + "]}"),
    "twice": post('{"texts": ["a"], "texts": 7}'),
    "half-character": post('{"texts": ["\\ud800"]}'),
    "numbers": post('{"texts": [1, 2.5, true, null, {}, []]}'),
    "object": post('{"texts": {"0": "a"}}'),
    "many": post(json.dumps({"texts": ["a"] * 20_000})),
    "latin": post(b'{"texts": ["\xfc"]}'),
    "other-type": post(GOOD.replace('"', "'")),
}


def is_well(port):
    return ask(port, post(GOOD)) == 200


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_is_refused_and_the_service_goes_on(port, name, caplog):
    with caplog.at_level(logging.ERROR):
        status = ask(port, HOSTILE[name], wait_s=1.5 * LIMITS.timeout_s)
    assert status is None or 400 <= status < 500
    assert is_well(port)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.slow
def test_random_changes_of_a_request_never_end_in_a_500(port):
    chance, contents = random.Random(20261125), []
    for _ in range(300):
        content = bytearray(post(GOOD, path=chance.choice(["/score", "/explain"])))
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(content))
            content[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        contents.append(bytes(content))
    # Side by side: where the service waits for the rest of a request, each takes its second.
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda content: ask(port, content, wait_s=1), contents))
    assert all(status is None or status < 500 for status in statuses)
    assert {200, 400, 422} <= set(statuses)  # control: some got through, some did not
    assert is_well(port)


def test_connections_that_say_nothing_hold_nobody_up_and_cost_little(port):
    before = psutil.Process().memory_info().rss
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    for connection in idle[::2]:
        connection.sendall(CHUNKED + b"\r\n5\r\nab")
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: is_well(port), range(16)))
    assert psutil.Process().memory_info().rss - before < 50e6
    for connection in idle:
        connection.close()
