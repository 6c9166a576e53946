"""Runs the service until a signal stops it, and then finishes what it accepted."""

import ipaddress
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType

import uvicorn
from fastapi import FastAPI

from polar_detect.errors import InputError
from polar_detect.stopping import STOPPING

_KEEP_ALIVE_S = 30
_MAX_CONNECTIONS = 1024


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that holds the address; nobody can connect before `run`.

    Parameters
    ----------
    host, port : str, int
        Port 0 takes a free one.

    Raises
    ------
    InputError
        When the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as opened:
        try:
            bound = opened.enter_context(socket.socket(family))
            if sys.platform != "win32":  # there it would share a port that another serves on
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
        except (OSError, TypeError) as error:  # the latter of what cannot be a name
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"Got address {host}:{port}, which cannot be had ({reason}); expected a free port "
                "of this machine; choose another --port or --host."
            ) from error
        opened.pop_all()
    return bound


def is_local(bound: socket.socket) -> bool:
    """Return whether only this machine can reach a socket."""
    return ipaddress.ip_address(bound.getsockname()[0]).is_loopback


def run(app: FastAPI, bound: socket.socket, *, on_ready: Callable[[str], None]) -> None:
    """Serve `app`; return once it was told to stop and has answered every accepted request.

    Parameters
    ----------
    app : FastAPI
    bound : socket.socket
        From `bind`.
    on_ready : callable
        Called with the address once connections are accepted.
    """
    config = uvicorn.Config(
        app,
        access_log=False,  # requests are counted in the metrics instead
        log_level="warning",
        timeout_keep_alive=_KEEP_ALIVE_S,
        limit_concurrency=_MAX_CONNECTIONS,
        server_header=False,
    )
    own = _Server(config, lambda: on_ready(_address(bound)))
    # Those that uvicorn handles itself it raises again once it has stopped.
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, own.stop)
    own.run([bound])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    def stop(self, _: int, __: FrameType | None) -> None:
        """Stop once everything that was accepted is answered."""
        self.should_exit = True


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
