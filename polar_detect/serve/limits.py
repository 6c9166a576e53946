"""Middleware in front of the routes: a request's path, size and pace of its body, and its count.

Plain ASGI, because a body has to be stopped while it arrives, before anything holds it.
"""

import asyncio
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polar_detect.serve.metrics import Metrics

_OTHER = "other"  # unknown paths count as one, or a scanner would fill the metrics


class BodyLimit:
    """Refuses a body of more than `max_bytes` with 413, and one that takes too long with 408."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, timeout_s: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its body under watch."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _declared_bytes(scope) > self._max_bytes:
            refusal = JSONResponse({"detail": self._too_large()}, 413, {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        await self._app(scope, self._watched(receive), send)

    def _watched(self, receive: Receive) -> Receive:
        n_bytes, is_whole = 0, False
        # Of the whole body: by the piece, a client could take a place for ever, byte by byte.
        deadline = asyncio.get_running_loop().time() + self._timeout_s

        async def watched() -> Message:
            nonlocal n_bytes, is_whole
            if is_whole:  # what comes behind the body is the client leaving
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(408, "The request's body did not arrive in time.") from error
            n_bytes += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if n_bytes > self._max_bytes:
                raise HTTPException(413, self._too_large())
            return message

        return watched

    def _too_large(self) -> str:
        return f"Got a body of more than {self._max_bytes} bytes; send fewer texts at a time."


class Rooted:
    """Puts the path under which a proxy serves back where the proxy has taken it away.

    ASGI has it in front of every path; without it the files of the documentation are not found.
    """

    def __init__(self, app: ASGIApp, *, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its whole path."""
        if scope["type"] == "http":
            path = scope["path"]
            if not path.startswith(f"{self._root_path}/"):
                path = self._root_path + path
            scope = {**scope, "path": path, "root_path": self._root_path}
        await self._app(scope, receive, send)


class Watch:
    """Counts every request with its status and time; errors nobody caught count as 500."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, paths: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note the status of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), 500

        async def noted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        path = own_path(scope)
        path = path if path in self._paths else _OTHER
        try:
            await self._app(scope, receive, noted)
        finally:
            self._metrics.record_request(path, status, time.monotonic() - begun)


def own_path(scope: Scope) -> str:
    """Return the path of a request as the service itself names it."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _declared_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
