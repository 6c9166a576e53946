"""The HTTP side of the service: routes, their limits, and what each refusal looks like."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Protocol

from fastapi import Body, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

import polar_detect
from polar_detect.messages.tongues import TONGUES, Tongue
from polar_detect.serve.answers import Explained, Score
from polar_detect.serve.batching import Answerer, Batcher, ModelFailure, QueueFull, Stopping
from polar_detect.serve.bodies import Asked, NoParameters, OfKind, kind_of_body, printable
from polar_detect.serve.limits import BodyLimit, Rooted, Watch, own_path
from polar_detect.serve.metrics import Metrics
from polar_detect.serve.settings import ServeSettings
from polar_detect.serve.stream import Change, Stream
from polar_detect.tables import RowTemplate

_PATHS = frozenset(
    {"/score", "/explain", "/healthz", "/metrics", "/drift", "/openapi.json", "/docs"}
)
_CLIENT_LEFT = 499  # no status of HTTP's own; nginx's
_REFUSALS = {
    400: "The body is not JSON in UTF-8.",
    401: "The bearer token is missing or wrong.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    429: "Too many texts wait; see Retry-After.",
    500: "The model failed on this request.",
    503: "The service stops.",
    504: "The request waited too long.",
}


class TextAnswerer(Protocol):
    """What the service needs of a detector; both functions take distinct texts."""

    @property
    def alpha(self) -> float: ...  # noqa: D102
    @property
    def template(self) -> RowTemplate | None: ...  # noqa: D102
    @property
    def fitted_at(self) -> str: ...  # noqa: D102
    def score(self, texts: list[str]) -> list[Score]: ...  # noqa: D102
    def explain(self, texts: list[str], tongue: Tongue) -> list[Explained]: ...  # noqa: D102


class Scores(BaseModel):
    """One answer per text, in order."""

    alpha: float = Field(description="P-value up to which a text is flagged.")
    results: list[Score]


class Explanations(BaseModel):
    """One answer per text, in order."""

    alpha: float = Field(description="P-value up to which a text is flagged.")
    results: list[Explained]


class Health(BaseModel):
    """Whether texts are accepted, and by which detector."""

    status: str
    version: str
    fitted_at: str = Field(
        description="When the detector that answers was fitted, in ISO form. It was read when the "
        "service started: one that is fitted since answers from the next start on."
    )


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


class Invalid(BaseModel):
    """What in a request does not fit; of its content only the names of keys are repeated."""

    detail: list[dict[str, Any]]


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem, "description": _REFUSALS[status]} for status in statuses}


def create_app(
    answers: TextAnswerer, settings: ServeSettings, stream: Stream | None = None
) -> FastAPI:
    """Return the service as an ASGI application; its lifespan runs the batching.

    With a `stream` it says whether the texts that it scores have changed.
    """
    metrics = Metrics()
    batcher = Batcher(
        max_queue_texts=settings.max_queue_texts,
        max_batch_texts=settings.max_batch_texts,
        batch_wait_s=settings.batch_wait_s,
        record=metrics.record_batch,
    )
    metrics.watch(batcher)
    if stream is not None:
        metrics.follow(stream)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        await batcher.stop()

    # Swagger UI from this machine: the usual page is fetched from a content network.
    app = FastAPIOffline(
        title="polar-detect",
        version=polar_detect.__version__,
        summary="Which of these texts do not belong, and why?",
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, timeout_s=settings.timeout_s)
    app.add_middleware(Watch, metrics=metrics, paths=_PATHS)
    if settings.root_path:
        app.add_middleware(Rooted, root_path=settings.root_path)
    app.add_exception_handler(RequestValidationError, _say_what_is_invalid)
    app.add_exception_handler(400, _say_what_is_unread)
    guard = [Depends(_token_check(settings.token))] if settings.token else []
    app.state.batcher = batcher
    _add_text_routes(app, _Desk(batcher, metrics, settings, stream), answers, guard)
    _add_status_routes(app, batcher, metrics, answers, guard)
    if stream is not None:
        _add_drift_route(app, stream, guard)
    return app


class _Desk:
    """Takes texts in, waits for their answers, and turns what goes wrong into a status."""

    def __init__(
        self, batcher: Batcher, metrics: Metrics, settings: ServeSettings, stream: Stream | None
    ) -> None:
        self.settings = settings
        self._stream = stream
        self._batcher = batcher
        self._metrics = metrics

    async def answers(self, request: Request, answerer: Answerer, texts: list[str]) -> list[Any]:
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                answers = await _while_connected(request, self._batcher.submit(answerer, texts))
        except QueueFull as error:
            retry = {"Retry-After": str(error.retry_after_s)}
            raise HTTPException(429, str(error), retry) from error
        except Stopping as error:
            raise HTTPException(503, str(error), {"Retry-After": "5"}) from error
        except ModelFailure as error:
            raise HTTPException(500, str(error)) from error
        except TimeoutError as error:
            waited = f"No answer within {self.settings.timeout_s:g} s; send fewer texts at a time."
            raise HTTPException(504, waited) from error
        self._metrics.record_texts(
            own_path(request.scope), len(answers), sum(a.is_anomaly for a in answers)
        )
        return answers

    def follow(self, scores: list[Score]) -> None:
        """Have scores count for whether texts have changed."""
        if self._stream is not None:
            self._stream.add(own.score for own in scores)


async def _while_connected(request: Request, answers: Coroutine[Any, Any, list[Any]]) -> list[Any]:
    """Await answers, but give them up where the client leaves, so that its texts wait no more."""
    answering = asyncio.create_task(answers)
    leaving = asyncio.ensure_future(request.receive())  # behind the body nothing else comes
    try:
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            # Which nobody hears; the metrics count it. Without words of ours Starlette 0.48 looks
            # for those of HTTP, which has none for this status, and a 500 is logged and counted.
            raise HTTPException(_CLIENT_LEFT, "The client left.")
        return answering.result()
    finally:
        answering.cancel()
        leaving.cancel()


def _add_text_routes(app: FastAPI, desk: _Desk, answers: TextAnswerer, guard: list[Any]) -> None:
    # Of this service's limits and columns, so that the OpenAPI page says them.
    Question = Annotated[Asked, OfKind(kind_of_body(answers.template, desk.settings)), Body()]
    Parameters = Annotated[NoParameters, Query()]  # FastAPI reads it where a function takes one
    # One per language, made once: what waits for the same function is answered together.
    explain_in = {tongue: partial(answers.explain, tongue=tongue) for tongue in TONGUES}
    statuses = (400, 408, 413, 415, 429, 500, 503, 504) + ((401,) if guard else ())
    common: dict[str, Any] = {
        "dependencies": guard,
        "responses": {**_refusals(*statuses), 422: {"model": Invalid}},
    }

    async def score(request: Request, asked: Question, _: Parameters) -> Scores:
        """Score texts, or rows of a table."""
        results = await desk.answers(request, answers.score, asked.as_texts())
        desk.follow(results)  # not what is explained: that is asked of strange texts once more
        return Scores(alpha=answers.alpha, results=results)

    async def explain(request: Request, asked: Question, _: Parameters) -> Explanations:
        """Score texts and say why: reasons, minimal program, SHAP values per layer and column."""
        results = await desk.answers(request, explain_in[asked.lang], asked.as_texts())
        return Explanations(alpha=answers.alpha, results=results)

    app.post("/score", **common)(score)
    app.post("/explain", **common)(explain)


def _add_status_routes(
    app: FastAPI, batcher: Batcher, metrics: Metrics, answers: TextAnswerer, guard: list[Any]
) -> None:
    @app.head("/healthz", include_in_schema=False)  # as `wget --spider` asks in containers
    @app.get("/healthz", responses=_refusals(503))
    async def healthz() -> Health:
        """Say whether texts are accepted, and by which detector."""
        if not batcher.is_running:
            raise HTTPException(503, "The service does not accept texts.")
        version, fitted_at = polar_detect.__version__, answers.fitted_at
        return Health(status="ok", version=version, fitted_at=fitted_at)

    @app.get(
        "/metrics",
        dependencies=guard,
        response_class=Response,
        responses={
            **(_refusals(401) if guard else {}),
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        },
    )
    async def metrics_page() -> Response:
        """Return counters in Prometheus's text format."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)


def _add_drift_route(app: FastAPI, stream: Stream, guard: list[Any]) -> None:
    @app.get("/drift", dependencies=guard, responses=_refusals(401) if guard else {})
    async def drift() -> Change:
        """Say whether the texts that /score was asked about have changed since the start."""
        return stream.change


def _token_check(token: str) -> Any:
    expected = token.encode()
    scheme = HTTPBearer(auto_error=False)

    def check(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)],
    ) -> None:
        got = credentials.credentials.encode() if credentials else b""
        if not hmac.compare_digest(got, expected):  # takes as long however much is right
            raise HTTPException(401, _REFUSALS[401], {"WWW-Authenticate": "Bearer"})

    return check


async def _say_what_is_invalid(request: Request, error: Exception) -> JSONResponse:
    """Answer 422 without repeating the input, as FastAPI would: it is somebody's text.

    An input with half a character could not be sent back anyway.
    """
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, bytes):  # which FastAPI has not read: it asks for the type of JSON
        return JSONResponse({"detail": _other_type(request)}, 415)
    said = [
        {
            "loc": [printable(part) if isinstance(part, str) else part for part in e["loc"]],
            "msg": e["msg"],
            "type": e["type"],
        }
        for e in error.errors()
    ]
    return JSONResponse({"detail": said}, 422)


async def _say_what_is_unread(request: Request, error: Exception) -> Response:
    """Answer 400 with the encoding that is expected, where the body is in another."""
    assert isinstance(error, StarletteHTTPException)
    if isinstance(error.__cause__, UnicodeError):
        said = "Got a body that is not in UTF-8; expected JSON, which is; encode it so."
        error = HTTPException(400, said)
    return await http_exception_handler(request, error)


def _other_type(request: Request) -> str:
    declared = request.headers.get("content-type")
    got = "without a type" if declared is None else f"of type '{printable(declared)}'"
    return f"Got a body {got}; expected JSON; send the header Content-Type: application/json."
