"""`polar-detect serve`."""

import importlib.util
from pathlib import Path

from polar_detect.cli.commands.inputs import InputOptions, stored_template
from polar_detect.cli.commands.output import err
from polar_detect.detector import PolarDetector
from polar_detect.errors import InputError
from polar_detect.serve.settings import TOKEN_VARIABLE, ServeSettings, read_token

__all__ = ["ServeSettings", "read_token", "serve"]

_NEEDED = ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn")


def serve(detector_folder: Path, host: str, port: int, settings: ServeSettings) -> None:
    """Serve a saved detector until told to stop."""
    _check_installed()
    from polar_detect.serve import answers, app, server

    bound = server.bind(host, port)
    detector = PolarDetector.load(detector_folder)
    if not server.is_local(bound) and settings.token is None:
        err.print(
            f"Serving beyond this machine without a token: everyone who reaches {host} may ask. "
            f"Set {TOKEN_VARIABLE} or pass --token-file.",
            style="yellow",
        )
    template = stored_template(detector_folder, InputOptions())
    service = app.create_app(answers.Answers(detector, template), settings)
    server.run(service, bound, on_ready=_announce)
    err.print("Stopped; every accepted request was answered.", highlight=False)


def _announce(address: str) -> None:
    err.print(f"Serving on {address} (documentation: {address}/docs)", highlight=False)


def _check_installed() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"Got no {', '.join(missing)}; expected the extra 'serve'; install it: "
            "pip install 'polar-detect[serve]'"
        )
