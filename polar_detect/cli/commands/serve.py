"""`polar-detect serve`."""

import importlib.util

from polar_detect.artifact.reading import stored_origin
from polar_detect.cli.commands.inputs import load_same
from polar_detect.cli.commands.output import err, tell
from polar_detect.cli.options import ServeOptions
from polar_detect.errors import InputError
from polar_detect.serve.settings import TOKEN_VARIABLE, ServeSettings, read_token

_NEEDED = ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn")


def serve(options: ServeOptions) -> None:
    """Serve a saved detector until told to stop."""
    settings = ServeSettings(
        max_queue_texts=options.max_queue,
        max_texts=options.max_texts,
        max_chars=options.max_chars,
        timeout_s=options.timeout,
        token=read_token(options.token_file),
        root_path=options.root_path,
    )
    _check_installed()
    from polar_detect.monitoring import DriftMonitor
    from polar_detect.serve import answers, app, server, stream

    with server.bind(options.host, options.port) as bound:
        origin = stored_origin(options.detector)
        detector = load_same(options.detector, origin, alpha=options.alpha)
        if not server.is_local(bound) and settings.token is None:
            err.print(
                "Serving beyond this machine without a token: everyone who reaches "
                f"{options.host} may ask. Set {TOKEN_VARIABLE} or pass --token-file.",
                style="yellow",
                markup=False,
            )
        followed = stream.Stream(DriftMonitor(detector))
        service = app.create_app(answers.Answers(detector, origin.template), settings, followed)
        server.run(service, bound, on_ready=_announce)
    tell("Stopped; every accepted request was answered.")


def _announce(address: str) -> None:
    tell(f"Serving on {address} (documentation: {address}/docs)")


def _check_installed() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"Got no {', '.join(missing)}; expected the extra 'serve'; install it: "
            'pip install "polar-detect[serve]"'
        )
