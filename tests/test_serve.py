import asyncio
import copy
import errno
import itertools
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import numpy as np
import pandas as pd
import pytest
import schemathesis
import uvicorn
from heeding import HEEDING
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import TypeAdapter, ValidationError
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient
from work_orders import NEW, STRANGE

from polar_detect import DriftMonitor, PolarDetector
from polar_detect.artifact.reading import Origin
from polar_detect.cli.commands import serve as serve_command
from polar_detect.cli.options import ServeOptions
from polar_detect.errors import ArtifactError, InputError
from polar_detect.serve import server
from polar_detect.serve.answers import Answers, Explained, Score
from polar_detect.serve.app import create_app
from polar_detect.serve.bodies import kind_of_body
from polar_detect.serve.settings import ServeSettings
from polar_detect.serve.stream import Stream
from polar_detect.signature.normal.row_reference import RowReference
from polar_detect.stopping import STOPPING
from polar_detect.tables import RowTemplate

TEXTS = [NEW[0], STRANGE[0], "", NEW[0], NEW[1]]
COUNTS = r"(?m)^polar_(?:waiting_texts|texts_total\S+) (\S+)"
TOKEN = "correct-horse-battery-staple"
SMALL = ServeSettings(max_texts=8, max_chars=300, max_body_bytes=5000)


class Held:
    """Stands for a slow model: answers once it is let go, so that tests need no sleep."""

    alpha = 0.05
    template = None
    fitted_at = "2026-11-29T08:00:00+00:00"

    def __init__(self):
        self.gate, self.is_asked = threading.Event(), threading.Event()

    def score(self, texts):
        self.is_asked.set()
        self.gate.wait(10)
        return [Score(score=1.0, p_value=0.5, is_anomaly=False) for _ in texts]

    def explain(self, texts, tongue):  # noqa: ARG002
        return [Explained(**s.model_dump(), top_layers="") for s in self.score(texts)]


@pytest.fixture(scope="module")
def client(fitted_on_tiny):
    with TestClient(create_app(Answers(fitted_on_tiny), SMALL)) as client:
        yield client


def post(client, texts, *, path="/score", **options):
    return client.post(path, json={"texts": texts}, **options)


def test_scores_equal_the_detectors_in_order(client, fitted_on_tiny):
    answer = post(client, TEXTS)
    assert answer.status_code == 200
    expected = fitted_on_tiny.assess(TEXTS)
    results = answer.json()["results"]
    scores = [np.nan if r["score"] is None else r["score"] for r in results]
    np.testing.assert_allclose(scores, expected.scores, rtol=1e-6)
    p_values = [np.nan if r["p_value"] is None else r["p_value"] for r in results]
    np.testing.assert_allclose(p_values, expected.p_values)
    assert [r["is_anomaly"] for r in results] == expected.is_anomaly.tolist()
    assert any(r["is_anomaly"] for r in results)
    assert answer.json()["alpha"] == fitted_on_tiny.alpha


def test_explanations_add_up_to_the_score(client, fitted_on_tiny):
    results = post(client, TEXTS, path="/explain").json()["results"]
    expected = fitted_on_tiny.assess(TEXTS)
    for i in (0, 1, 3, 4):
        r = results[i]
        total = r["base_value"] + sum(r["layers"]) + sum(r["groups"].values())
        assert total == pytest.approx(r["score"], abs=1e-3)
        assert r["program"] == str(expected.programs[i].program)
        assert r["top_layers"] == expected.explanation.top_layers()[i]
        assert r["reasons"] == expected.reasons()[i]
        assert len(r["layers"]) == fitted_on_tiny.n_layers


def test_an_empty_text_has_no_score_and_is_not_flagged(client):
    for path in ("/score", "/explain"):
        empty = post(client, ["", NEW[0]], path=path).json()["results"][0]
        assert empty.pop("is_anomaly") is False
        assert not any(empty.values())


def test_training_texts_are_not_told(client, fitted_on_tiny):
    body = post(client, TEXTS, path="/explain").text
    assert not any(text in body for text in fitted_on_tiny.fitted_.reference.texts)


def readings(n_rows=60, *, seed=0):
    rng = np.random.default_rng(seed)
    pressure = rng.normal(6, 0.5, n_rows)
    flow = 20 * pressure + rng.normal(0, 1, n_rows)
    machine = rng.choice(["press", "lathe"], n_rows)
    return pd.DataFrame({"機械": machine, "圧力 [bar]": pressure, "flow": flow}).round(4)


TEMPLATE = RowTemplate.fit(readings(), ["機械", "圧力 [bar]", "flow"])
ROW = {"機械": "press", "圧力 [bar]": 6.1234, "flow": 121}


@pytest.fixture(scope="module")
def fitted_on_rows(tiny_pair):
    detector = PolarDetector(**tiny_pair, max_tokens=8, rows=TEMPLATE)
    return detector.fit(TEMPLATE.texts(readings()))


@pytest.fixture(scope="module")
def rows_client(fitted_on_rows):
    with TestClient(create_app(Answers(fitted_on_rows, TEMPLATE), SMALL)) as client:
        yield client


class Counting(Held):
    """Stands for a detector of rows: the score of a text is its length."""

    template = TEMPLATE

    def score(self, texts):
        return [Score(score=len(text), p_value=0.5, is_anomaly=False) for text in texts]


@pytest.fixture
def counting():
    with TestClient(create_app(Counting(), SMALL)) as client:
        yield client


def test_rows_are_written_and_scored_as_those_of_a_table(rows_client, fitted_on_rows):
    frame = readings(4, seed=1)
    frame.loc[1, "flow"] = np.nan
    texts = TEMPLATE.texts(frame)
    rows = json.loads(frame.to_json(orient="records"))
    rows[0] = dict(reversed(rows[0].items()))  # the order of keys says nothing
    expected = fitted_on_rows.assess(texts)
    for body in ({"rows": rows}, {"texts": texts}):
        scores = [r["score"] for r in rows_client.post("/score", json=body).json()["results"]]
        np.testing.assert_allclose(scores, expected.scores, rtol=1e-6)
    explained = rows_client.post("/explain", json={"rows": rows, "lang": "ja"}).json()["results"]
    assert [r["top_columns"] for r in explained] == expected.explanation.top_columns()
    assert [r["reasons"] for r in explained] == expected.reasons("ja")
    assert "「flow」に値がない" in explained[1]["reasons"]
    english = rows_client.post("/explain", json={"rows": rows}).json()["results"]
    assert [r["reasons"] for r in english] == expected.reasons()


def test_texts_of_no_rows_have_no_columns_and_reasons_in_either_language(client, fitted_on_tiny):
    for tongue in ("en", "ja"):
        asked = {"texts": TEXTS, "lang": tongue}
        results = client.post("/explain", json=asked).json()["results"]
        assert [r["reasons"] for r in results] == fitted_on_tiny.assess(TEXTS).reasons(tongue)
        assert {r["top_columns"] for r in results} == {None}


WRITTEN = TEMPLATE.texts(pd.DataFrame([ROW]))[0]
UNWRITTEN = (
    "Got texts[1], which is no row as the detector writes it; expected one such as "
    "'機械: …; 圧力 [bar]: 0.00; flow: 0'; send {\"rows\": [...]}, and it writes them."
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"texts": [WRITTEN, WRITTEN.replace("6.12", "6.1234")]}, UNWRITTEN),
        ({"texts": [WRITTEN, WRITTEN.replace("; ", ";")]}, UNWRITTEN),
        ({"texts": [WRITTEN, "機械: press"]}, UNWRITTEN),
        ({"texts": [WRITTEN, ""]}, UNWRITTEN),
        (
            {"rows": [{"機械": "press", "圧カ": 6}]},
            "Got a row without 圧力 [bar], flow and with 圧カ, which the detector does not know; "
            "expected the columns 機械, 圧力 [bar], flow; send each of them, null for an empty "
            "cell.",
        ),
        (
            {"rows": [ROW | {"flow": [1]}]},
            "Got a row with what is no cell in flow; expected a number, a text of at most 300 "
            "characters, true, false or null; correct it.",
        ),
        ({"rows": [ROW | {"機械": "x" * 301}]}, "what is no cell in 機械"),
        ({"rows": [ROW | {"\ud800": 1}]}, "with \ufffd, which the detector does not know"),
        ({"rows": [ROW | {"機械": "\udc00"}]}, "what is no cell in 機械"),
        ({"rows": [ROW | {"flow": float("nan")}]}, "what is no cell in flow"),
        ({"rows": [ROW], "texts": ["x"]}, "Got texts and rows; expected one of them"),
        ({"rows": []}, "at least 1 item"),
        ({"rows": [ROW] * 9}, "at most 8 items"),
        ({"rows": [1]}, "valid dictionary"),
        ({"rows": ROW}, "valid list"),
        ({}, "Field required"),
        ([ROW], "valid dictionary"),
    ],
)
def test_a_row_that_the_detector_would_misread_is_refused(counting, body, message):
    content = json.dumps(body)
    for path in ("/score", "/explain"):
        headers = {"Content-Type": "application/json"}
        answer = counting.post(path, content=content, headers=headers)
        assert answer.status_code == 422
        assert message in " ".join(error["msg"] for error in answer.json()["detail"])


@pytest.mark.parametrize(
    "cell",
    [10**400, -(10**1200), 1e308, "1e999", "a; flow: 1", "\n", "", None, True, "\x00", "１２"],
)
def test_any_cell_can_be_written(counting, cell):
    body = {"rows": [ROW, ROW | {"flow": cell}, ROW | {"機械": cell}]}
    results = counting.post("/score", json=body).json()["results"]
    assert len(results) == 3
    assert results[0]["score"] == len(WRITTEN)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"rows": [ROW]}, "Got rows; expected texts, as the detector was fitted on texts"),
        ({"lang": "de"}, "'en' or 'ja'"),
        ({"txets": ["x"]}, "Extra inputs are not permitted"),
        ({"\ud800": 1}, "unicode"),
    ],
)
def test_a_key_that_would_be_passed_over_is_refused(client, more, message):
    content = json.dumps({"texts": ["x"]} | more)
    answer = client.post("/score", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert message in " ".join(error["msg"] for error in answer.json()["detail"])


@pytest.mark.parametrize("path", ["/score", "/explain"])
def test_parameters_behind_the_path_are_refused_as_they_would_be_passed_over(client, path):
    for name in ("lang", "alpha", "ключ"):
        answer = post(client, ["x"], path=f"{path}?{name}=ja")
        assert answer.status_code == 422
        assert answer.json()["detail"] == [
            {"loc": ["query", name], "msg": "Extra inputs are not permitted"}
            | {"type": "extra_forbidden"}
        ]


def test_accents_and_syllables_of_names_may_be_written_apart(monkeypatch):
    names = ["온도", "Gerät", "ガス"]
    template = RowTemplate.fit(pd.DataFrame([[1, "a", "b"]] * 3, columns=names), names)
    monkeypatch.setattr(Counting, "template", template)
    row = {"온도": 1, "Gerät": "ä", "ガス": "b"}
    apart = {unicodedata.normalize("NFD", name): cell for name, cell in row.items()}
    assert not apart.keys() & row.keys()
    with TestClient(create_app(Counting(), SMALL)) as client:
        whole, same = (client.post("/score", json={"rows": [own]}) for own in (row, apart))
        assert whole.status_code == same.status_code == 200
        assert whole.json() == same.json()
        both = client.post("/score", json={"rows": [row | apart]})
    assert both.status_code == 422
    assert "which the detector does not know" in both.json()["detail"][0]["msg"]


@pytest.mark.parametrize("charset", ["euc-kr", "cp932", "latin-1"])
def test_a_body_in_another_encoding_is_told_the_one_to_use(client, charset):
    texts = {"euc-kr": "펌프 점검", "cp932": "ポンプ", "latin-1": "Öl läuft"}
    content = json.dumps({"texts": [texts[charset]]}, ensure_ascii=False).encode(charset)
    for declared in ("", f"; charset={charset}"):
        headers = {"Content-Type": f"application/json{declared}"}
        answer = client.post("/score", content=content, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("Got a body that is not in UTF-8; expected JSON")


def test_rows_may_lack_columns_that_are_ever_new_where_no_model_reads_them():
    frame = pd.DataFrame({"flow": [3, 4] * 20, "no": range(40)})
    read = RowTemplate.fit(frame, [*frame.columns])
    for template, lacks in ((read.unread(), True), (read, False)):
        body = TypeAdapter(kind_of_body(template, SMALL))
        whole = body.validate_python({"rows": [{"flow": 3, "no": None}, {"flow": 4, "no": 7}]})
        assert whole.as_texts() == ["flow: 3; no: missing", "flow: 4; no: 7"]
        if lacks:
            some = body.validate_python({"rows": [{"flow": 3}, {"flow": 4, "no": 7}]})
            assert some.as_texts() == whole.as_texts()
            assert body.validate_python({"rows": [{"flow": 3}]}).as_texts() == [
                "flow: 3; no: missing"
            ]
        else:
            with pytest.raises(ValidationError, match="Got a row without no"):
                body.validate_python({"rows": [{"flow": 3}]})
        with pytest.raises(ValidationError, match="Got a row without flow"):
            body.validate_python({"rows": [{"no": 7}]})
        row = body.json_schema()["$defs"]["Rows"]["properties"]["rows"]["items"]
        assert row["required"] == (["flow"] if lacks else ["flow", "no"])
        assert [*row["properties"]] == ["flow", "no"]


def test_the_openapi_page_names_the_columns_of_rows(counting):
    schemas = counting.get("/openapi.json").json()["components"]["schemas"]
    row = schemas["Rows"]["properties"]["rows"]["items"]
    assert [*row["properties"]] == row["required"] == [*ROW]
    assert row["additionalProperties"] is False
    assert (
        "圧力 [bar]: 0.00; flow: 0" in schemas["WrittenRows"]["properties"]["texts"]["description"]
    )


def _status_of_nesting(content):
    """Return 400 where this Python's reader gives up, 422 where it reads to the broken end."""
    try:
        json.loads(content)
    except RecursionError:
        return 400
    except json.JSONDecodeError:
        return 422


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (json.dumps({"texts": ["x"] * 9}), 422),
        (json.dumps({"texts": ["secret" * 51]}), 422),
        (json.dumps({"texts": []}), 422),
        (json.dumps({"texts": "secret"}), 422),
        (json.dumps({"texts": ["secret", None]}), 422),
        ('{"texts": ["secret \\ud800"]}', 422),
        ('{"texts": ["secret', 422),
        (b'{"texts": ["secret \xff"]}', 400),
        ("[" * 4000, _status_of_nesting("[" * 4000)),
        (json.dumps({"texts": ["secret" * 1000]}), 413),
    ],
    ids=[
        "many", "long", "none", "string", "null", "half-character", "half-json", "not-utf-8",
        "deep", "large",
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_refused_and_not_repeated(client, content, status):
    answer = client.post("/score", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("headers", "got"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, "x-www-form-urlencoded'"),  # curl's
        ({"Content-Type": "text/csv; charset=utf-8"}, "a body of type 'text/csv; charset=utf-8'"),
        ({}, "a body without a type"),
    ],
)
def test_a_body_that_is_not_said_to_be_json_is_told_the_header_to_send(
    client, counting, headers, got
):
    for service in (client, counting):
        answer = service.post("/score", content=b'{"texts": ["secret"]}', headers=headers)
        assert answer.status_code == 415
        said = answer.json()["detail"]
        assert got in said
        assert said.endswith("; expected JSON; send the header Content-Type: application/json.")
        assert "secret" not in said
    typed = {"Content-Type": "application/json; charset=utf-8"}  # control
    assert client.post("/score", content=b'{"texts": ["a"]}', headers=typed).status_code == 200


def test_a_large_body_of_unknown_length_is_stopped_while_it_arrives(client):
    sent = []

    def pieces():
        for _ in range(1000):
            sent.append(1)
            yield b" " * 1000

    assert client.post("/score", content=pieces()).status_code == 413
    assert post(client, ["x"]).status_code == 200  # control


def test_texts_of_the_allowed_size_are_scored(client):
    assert post(client, ["x" * 300] * 8).status_code == 200


def test_a_token_is_asked_for_where_one_is_set(fitted_on_tiny):
    guarded = ServeSettings(token=TOKEN)
    with TestClient(create_app(Answers(fitted_on_tiny), guarded)) as client:
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert post(client, ["x"], headers=right).status_code == 200
        assert client.get("/metrics", headers=right).status_code == 200
        assert client.get("/healthz").status_code == 200
        wrong = [{}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}]
        wrong.append({"Authorization": "Bearer gr\u00fcn".encode()})
        for headers in wrong:
            for path in ("/score", "/explain"):
                refused = post(client, ["x"], path=path, headers=headers)
                assert refused.status_code == 401
                assert refused.headers["WWW-Authenticate"] == "Bearer"
            assert client.get("/metrics", headers=headers).status_code == 401


@pytest.mark.parametrize("arrives_under", ["/plant/polar", ""], ids=["kept", "taken-away"])
def test_behind_a_proxy_under_a_path_every_route_and_the_documentation_work(arrives_under):
    held = Held()
    held.gate.set()
    with TestClient(create_app(held, ServeSettings(root_path="/plant/polar"))) as client:
        page = client.get(f"{arrives_under}/docs").text
        asked = re.findall(r"""(?:href|src|url)[=:] ?["'](/[^"']+)""", page)
        assert len(asked) == 4  # style, picture, script and the description
        for path in asked:
            assert path.startswith("/plant/polar/")
            through_proxy = arrives_under + path.removeprefix("/plant/polar")
            assert client.get(through_proxy).status_code == 200
        described = client.get(f"{arrives_under}/openapi.json").json()
        assert described["servers"] == [{"url": "/plant/polar"}]
        assert post(client, ["x"], path=f"{arrives_under}/score").status_code == 200
        assert client.get(f"{arrives_under}/polar").status_code == 404
        page = client.get(f"{arrives_under}/metrics").text
        assert 'polar_requests_total{path="/score",status="200"} 1.0' in page
        assert 'polar_texts_total{path="/score"} 1.0' in page


@pytest.mark.parametrize("path", ["polar", "/polar/", "/", "/a b", "https://host/polar", "//polar"])
def test_a_root_path_that_no_proxy_could_serve_under_is_refused(path):
    with pytest.raises(InputError, match="expected what a proxy puts in front of /score"):
        ServeSettings(root_path=path)


def test_it_says_when_the_detector_that_answers_was_fitted(saved_on_tiny, fitted_on_tiny, tmp_path):
    folder = tmp_path / "detector"
    shutil.copytree(saved_on_tiny, folder)
    with TestClient(create_app(Answers(PolarDetector.load(folder)), SMALL)) as client:
        earlier = client.get("/healthz").json()["fitted_at"]
        refitted = copy.copy(fitted_on_tiny)
        refitted.fitted_ = replace(fitted_on_tiny.fitted_, created="2035-01-01T00:00:00+00:00")
        refitted.save(folder)
        assert client.get("/healthz").json()["fitted_at"] == earlier  # what answers has not changed
    with TestClient(create_app(Answers(PolarDetector.load(folder)), SMALL)) as client:
        assert client.get("/healthz").json()["fitted_at"] == "2035-01-01T00:00:00+00:00"


def test_a_full_queue_has_a_status_of_its_own():
    held = Held()
    limits = ServeSettings(max_queue_texts=2, max_texts=2, max_batch_texts=1)
    with TestClient(create_app(held, limits)) as client, ThreadPoolExecutor(2) as pool:
        first = pool.submit(post, client, ["a"])
        assert held.is_asked.wait(10)
        waiting = pool.submit(post, client, ["b", "c"])
        while "polar_waiting_texts 2.0" not in client.get("/metrics").text:
            pass
        full = post(client, ["d"])
        assert full.status_code == 429
        assert int(full.headers["Retry-After"]) >= 1
        held.gate.set()
        assert first.result().status_code == waiting.result().status_code == 200


def test_a_slow_model_and_a_stop_have_statuses_of_their_own():
    held = Held()
    limits = ServeSettings(max_texts=2, timeout_s=0.5, max_batch_texts=1)
    with TestClient(create_app(held, limits)) as client:
        assert post(client, ["a"]).status_code == 504
        assert post(client, ["b"]).status_code == 504  # the model still holds the first batch
        held.gate.set()
        assert post(client, ["e"]).status_code == 200
        assert client.head("/healthz").status_code == 200  # as `wget --spider` asks
        client.portal.call(client.app.state.batcher.stop)
        asked = (post(client, ["f"]), client.get("/healthz"), client.head("/healthz"))
        for refused in asked:
            assert refused.status_code == 503
        assert "Retry-After" in post(client, ["f"]).headers


def test_what_a_client_that_left_asked_is_not_read_and_frees_its_place():
    class Remembering(Held):
        def __init__(self):
            super().__init__()
            self.read = []

        def score(self, texts):
            self.read += texts
            return super().score(texts)

    held = Remembering()
    body = json.dumps({"texts": ["left", "behind"]})
    head = f"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    with (
        running(create_app(held, ServeSettings(max_batch_texts=1))) as address,
        ThreadPoolExecutor(1) as pool,
        httpx2.Client(base_url=address) as client,
    ):

        def metrics_say(line):
            for _ in range(500):
                if line in (page := client.get("/metrics").text):
                    return True
            raise AssertionError(page)

        stays = pool.submit(post, client, ["stays"], timeout=20)
        while not held.read:
            pass
        with socket.create_connection(("127.0.0.1", client.base_url.port)) as leaves:
            leaves.sendall(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())
            assert metrics_say("polar_waiting_texts 2.0")  # control: they wait
        assert metrics_say("polar_waiting_texts 0.0")
        assert metrics_say('polar_requests_total{path="/score",status="499"} 1.0')
        held.gate.set()
        assert stays.result().status_code == 200
        assert post(client, ["comes"]).status_code == 200
    assert held.read == ["stays", "comes"]


def test_an_error_of_the_model_is_a_500_that_does_not_repeat_the_text(caplog):
    class Broken(Held):
        def score(self, texts):
            raise ValueError(texts[0])

    with TestClient(create_app(Broken(), SMALL)) as client, caplog.at_level(logging.DEBUG):
        answer = post(client, ["secret"])
        assert answer.status_code == 500
        assert "ValueError" in answer.json()["detail"]
        assert post(client, ["again"]).status_code == 500  # the service goes on
    assert "secret" not in answer.text + caplog.text


def test_metrics_count_requests_texts_and_memory(fitted_on_tiny):
    with TestClient(create_app(Answers(fitted_on_tiny), SMALL)) as client:
        post(client, TEXTS)
        post(client, [])
        client.get("/anything")
        page = client.get("/metrics").text
    assert 'polar_requests_total{path="/score",status="200"} 1.0' in page
    assert 'polar_requests_total{path="/score",status="422"} 1.0' in page
    assert 'polar_requests_total{path="other",status="404"} 1.0' in page
    assert 'polar_texts_total{path="/score"} 5.0' in page
    n_flagged = fitted_on_tiny.assess(TEXTS).is_anomaly.sum()
    assert n_flagged
    assert f"polar_flagged_texts_total {n_flagged}.0" in page
    assert "polar_batch_texts_sum 4.0" in page  # one of the five is there twice
    assert re.search(r"process_resident_memory_bytes \d", page)
    assert NEW[0] not in page


def test_the_openapi_page_says_the_limits_and_loads_nothing_from_elsewhere(client):
    schema = client.get("/openapi.json").json()
    for path in ("/score", "/explain"):
        body = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        name = body["schema"]["$ref"].removeprefix("#/components/schemas/")
        texts = schema["components"]["schemas"][name]["properties"]["texts"]
        assert (texts["maxItems"], texts["items"]["maxLength"]) == (8, 300)
    assert {"413", "422", "429", "503", "504"} <= schema["paths"]["/score"]["post"][
        "responses"
    ].keys()
    page = client.get("/docs").text
    assert "swagger" in page
    assert "//" not in re.sub(r"(?m)^\s*//.*$", "", page).replace("</", "").replace(" />", "")


async def stalling():
    await asyncio.sleep(60)


async def trickling():
    await asyncio.sleep(0.01)
    return {"type": "http.request", "body": b" ", "more_body": True}


@pytest.mark.parametrize("body", [stalling, trickling])
def test_a_body_that_is_not_whole_in_time_is_given_up(body):
    async def talk(app):
        sent = []

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "path": "/score", "raw_path": b"/score", "query_string": b"", "root_path": "",
            "scheme": "http", "server": ("t", 80), "client": ("t", 1),
            "headers": [(b"content-type", b"application/json")],
        }  # fmt: skip
        await asyncio.wait_for(app(scope, body, send), 1)
        return sent[0]["status"]

    app = create_app(Held(), ServeSettings(timeout_s=0.05))
    assert asyncio.run(talk(app)) == 408


@contextmanager
def running(app):
    """Serve `app` on a free port in a thread; yield its address."""
    bound = server.bind("127.0.0.1", 0)
    config = uvicorn.Config(app, log_level="critical")
    uvicorn_server = uvicorn.Server(config)
    thread = threading.Thread(target=uvicorn_server.run, args=([bound],))
    thread.start()
    try:
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        while not uvicorn_server.started:
            pass
        yield address
    finally:
        uvicorn_server.should_exit = True
        thread.join()
        bound.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["texts", "rows"])
def test_schemathesis_finds_no_500_and_no_undocumented_answer(fitted_on_tiny, kind):
    limits = ServeSettings(max_texts=4, max_chars=50)
    answers = Answers(fitted_on_tiny) if kind == "texts" else Counting()
    with running(create_app(answers, limits)) as address:
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
        n_cases = 0
        for result in schema.get_all_operations():
            operation = result.ok()

            @settings(
                max_examples=25,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def probe(case):
                nonlocal n_cases
                n_cases += 1
                # No schema can say which texts a template writes.
                is_text = kind == "rows" and isinstance(case.body, dict) and "texts" in case.body
                case.call_and_validate(excluded_checks=[positive_data_acceptance] * is_text)

            probe()
    assert n_cases >= 30


def test_an_address_that_is_taken_is_one_line(run, saved_on_tiny):
    with server.bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        code, _, error = run("serve", "--detector", saved_on_tiny, "--port", port)
        assert code == 1
        assert error.startswith(f"polar-detect: Got address 127.0.0.1:{port}, which cannot be had")
        assert error.count("\n") == 1
        with pytest.raises(InputError):
            server.bind("203.0.113.1", 0)


def test_an_address_of_a_kind_that_this_machine_lacks_is_one_line(run, saved_on_tiny, monkeypatch):
    def refused(_):
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    label = "ü" * 70  # longer than what a name may have between its points
    code, _, error = run("serve", "--detector", saved_on_tiny, "--host", label)
    assert code == 1
    assert error.startswith(f"polar-detect: Got address {label}:8000, which cannot be had")
    monkeypatch.setattr(server.socket, "socket", refused)  # as where there is no IPv6
    with pytest.raises(InputError, match=r"::1:8000, which cannot be had \(.*family"):
        server.bind("::1", 8000)


@pytest.mark.parametrize(
    ("name", "address", "is_local"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("my-machine", "127.0.1.1", True),
        ("0.0.0.0", "0.0.0.0", False),
        ("127.example.com", "0.0.0.0", False),
        ("localhost.example.com", "0.0.0.0", False),
    ],
)
def test_only_what_other_machines_can_reach_is_warned_of(
    monkeypatch, capsys, fitted_on_tiny, name, address, is_local
):
    bound = server.bind(address, 0)
    monkeypatch.setattr(server, "bind", lambda *_: bound)  # as the machine's names may say
    monkeypatch.setattr(server, "run", lambda *_, **__: bound.close())
    monkeypatch.setattr(
        serve_command, "stored_origin", lambda _: Origin("", None, None, reads_texts=True)
    )
    monkeypatch.setattr(serve_command, "load_same", lambda *_, **__: fitted_on_tiny)
    serve_command.serve(ServeOptions(detector=Path("detector"), host=name, port=0))
    said = f"everyone who reaches {name} may ask" in " ".join(capsys.readouterr().err.split())
    assert said != is_local


def test_the_address_that_is_announced_is_whole_in_either_protocol(capsys):
    for address in ("http://[fd00::1]:8000", "http://10.0.0.1:8000"):
        serve_command._announce(address)
        said = " ".join(capsys.readouterr().err.split())
        assert said == f"Serving on {address} (documentation: {address}/docs)"


def test_a_detector_that_is_replaced_while_it_is_loaded_is_not_served(
    monkeypatch, fitted_on_tiny, tmp_path
):
    folder, load, other = tmp_path / "detector", PolarDetector.load, copy.copy(fitted_on_tiny)
    fitted_on_tiny.save(folder)
    other.alpha = 0.1
    served = []

    def load_before_a_fit(path):
        detector = load(path)
        other.save(path)
        return detector

    monkeypatch.setattr(server, "run", lambda app, bound, **_: served.append(app) or bound.close())
    options = ServeOptions(detector=folder, port=0)
    with monkeypatch.context() as beside:
        beside.setattr(PolarDetector, "load", load_before_a_fit)
        with pytest.raises(ArtifactError, match="replaced while the command read it"):
            serve_command.serve(options)
    assert served == []
    serve_command.serve(options)  # control: the other detector by itself
    assert len(served) == 1


def test_no_port_is_shared_where_reusing_an_address_would(monkeypatch):
    reuse = socket.SOL_SOCKET, socket.SO_REUSEADDR
    with server.bind("127.0.0.1", 0) as bound:
        assert bound.getsockopt(*reuse)  # control: a restart need not wait for old connections
    monkeypatch.setattr(sys, "platform", "win32")
    with server.bind("127.0.0.1", 0) as bound:
        assert not bound.getsockopt(*reuse)


def test_a_missing_extra_names_the_install_command(run, monkeypatch, saved_on_tiny):
    from importlib import util

    found = util.find_spec
    monkeypatch.setattr(
        util, "find_spec", lambda name, *a: None if name == "uvicorn" else found(name, *a)
    )
    code, _, error = run("serve", "--detector", saved_on_tiny)
    assert code
    assert "Got no uvicorn; expected the extra 'serve'" in error
    assert 'pip install "polar-detect[serve]"' in error


def test_flags_at_the_alpha_that_it_is_told(run, saved_on_tiny, monkeypatch):
    served = []
    monkeypatch.setattr(server, "run", lambda service, *_, **__: served.append(service))
    command = ("serve", "--detector", saved_on_tiny, "--port", 0)
    for alpha, options in ((0.05, ()), (0.5, ("--alpha", 0.5))):
        run(*command, *options)
        with TestClient(served.pop()) as client:
            answer = post(client, TEXTS).json()
        assert answer["alpha"] == alpha
        scored = [own for own in answer["results"] if own["p_value"] is not None]
        p_values = [own["p_value"] for own in scored]
        assert [own["is_anomaly"] for own in scored] == [p <= alpha for p in p_values]
    assert any(0.05 < p <= 0.5 for p in p_values)  # control: the two differ
    code, _, error = run(*command, "--alpha", 1e-6)
    assert code
    assert "Got alpha 1e-06; the smallest reachable p-value" in error
    assert not served


@pytest.mark.slow
@pytest.mark.parametrize("number", STOPPING)
def test_a_stopped_server_answers_what_it_accepted_and_exits_with_zero(saved_on_tiny, number):
    command = HEEDING + "from polar_detect.cli import main; main()"
    arguments = ["serve", "--detector", str(saved_on_tiny), "--port", "0"]
    environment = {**os.environ, "POLAR_DETECT_TOKEN": TOKEN, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments],
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    try:
        line = process.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        texts = [f"{STRANGE[0]} number {i}" for i in range(33)]

        client = httpx2.Client(base_url=address, headers=headers, timeout=60)
        with client, ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(post, client, texts) for _ in range(8)]
            n_accepted = 0
            while n_accepted < 7 * len(texts):  # one more request is with the model
                page = client.get("/metrics").text
                n_accepted = sum(map(float, re.findall(COUNTS, page)))
            process.send_signal(number)
            statuses = [answer.result().status_code for answer in answers]
        assert statuses == [200] * 8
        assert process.wait(30) == 0
        err = process.stderr.read()
        assert "every accepted request was answered" in err
        assert STRANGE[0] not in err
    finally:
        process.kill()
        process.stderr.close()
        process.wait()


def stream_of(detector):
    moments = (f"2026-12-01T{i // 60:02}:{i % 60:02}" for i in itertools.count())
    return Stream(DriftMonitor(detector), clock=lambda: next(moments))


@pytest.fixture(scope="module")
def fitted_by_columns():
    return PolarDetector("columns").fit(readings(200))


def test_an_explanation_looks_for_no_neighbours_which_it_leaves_out(fitted_by_columns, monkeypatch):
    texts = fitted_by_columns.rows_.texts(readings(3, seed=1))
    monkeypatch.setattr(RowReference, "nearest_texts", lambda *_: pytest.fail("looked for"))
    explained = Answers(fitted_by_columns, fitted_by_columns.rows_).explain(texts)
    assert [own.score for own in explained] == pytest.approx(
        -fitted_by_columns.score_samples(texts), rel=1e-6
    )


def test_an_explanation_says_between_which_numbers_a_cell_is_expected(fitted_by_columns):
    frame = readings(2, seed=1).assign(flow=[40.0, None])
    texts = fitted_by_columns.rows_.texts(frame)
    answers = Answers(fitted_by_columns, fitted_by_columns.rows_)
    first, second = (own.usual_numbers for own in answers.explain(texts))
    usual = fitted_by_columns.usual_numbers(frame).set_index(["row", "column"])
    assert first[0].column == "flow"  # which counts most
    for row, cells in enumerate((first, second)):
        for own in cells:
            said = usual.loc[(row, own.column)]
            ends = (own.low, own.high, own.expected_low, own.expected_high)
            assert ends == tuple(said[["low", "high", "expected_low", "expected_high"]])
    assert not first[0].expected_low <= 40 <= first[0].expected_high
    assert {own.column: own.says for own in second}["flow"] == "missing"
    assert answers.explain([""])[0].usual_numbers is None


def test_texts_have_no_usual_numbers(client, fitted_on_tiny):
    (first, *_) = post(client, TEXTS[:1], path="/explain").json()["results"]
    assert first["usual_numbers"] is None
    with pytest.raises(InputError, match="knows no column of numbers"):
        fitted_on_tiny.usual_numbers(TEXTS)


def test_the_service_says_whether_texts_have_changed_and_logs_it_once(fitted_by_columns, caplog):
    answers = Answers(fitted_by_columns, fitted_by_columns.rows_)
    app = create_app(answers, SMALL, stream_of(fitted_by_columns))

    def ask(client, frame, path="/score"):
        for row in frame.to_dict("records"):
            assert client.post(path, json={"rows": [row]}).status_code == 200

    off = readings(60, seed=2).assign(flow=lambda rows: rows["flow"] + 4)
    with TestClient(app) as client, caplog.at_level(logging.WARNING):
        ask(client, off[:3], "/explain")  # of which nothing counts
        ask(client, readings(100, seed=1))
        usual = client.get("/drift").json()
        assert usual["n"] == 100
        assert not usual["is_changed"]
        assert usual["since"] is usual["since_time"] is usual["superiority"] is None
        assert "polar_drift_changed 0.0" in client.get("/metrics").text
        ask(client, off)
        changed = client.get("/drift").json()
        metrics = client.get("/metrics").text
    assert changed["n"] == 160
    assert changed["is_changed"]
    assert changed["p_value"] < 0.01
    assert changed["since"] == pytest.approx(100, abs=5)
    minutes = changed["since"]  # a request a minute
    assert changed["since_time"] == f"2026-12-01T{minutes // 60:02}:{minutes % 60:02}"
    assert changed["superiority"] > 0.7
    assert "polar_drift_changed 1.0" in metrics
    logged = [own.getMessage() for own in caplog.records if "have changed" in own.getMessage()]
    assert len(logged) == 1


def test_a_stream_remembers_few_moments_and_skips_texts_without_a_score(fitted_by_columns):
    stream = stream_of(fitted_by_columns)
    for _ in range(2_500):
        stream.add([None])
    assert stream.change.n == 0
    assert len(stream._moments) <= 1_000


def test_drift_asks_for_the_token_too(fitted_by_columns):
    answers = Answers(fitted_by_columns, fitted_by_columns.rows_)
    guarded = replace(SMALL, token="secret")
    with TestClient(create_app(answers, guarded, stream_of(fitted_by_columns))) as client:
        assert client.get("/drift").status_code == 401
        known = client.get("/drift", headers={"Authorization": "Bearer secret"})
    assert known.json()["n"] == 0


def test_without_a_stream_there_is_nothing_to_ask_about_drift(counting):
    assert counting.get("/drift").status_code == 404
