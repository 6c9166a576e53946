import asyncio
import shlex
import subprocess
import sys
import threading

import pytest

from polar_detect.errors import InputError, InputNotFoundError
from polar_detect.serve.batching import Batcher, ModelFailure, QueueFull, Stopping
from polar_detect.serve.settings import ServeSettings, read_token


class Model:
    """Answers a text with its length, once it is let go; remembers its batches."""

    def __init__(self, *, held=False):
        self.batches = []
        self.gate = threading.Event()
        if not held:
            self.gate.set()

    def lengths(self, texts):
        self.gate.wait(10)
        self.batches.append(texts)
        if "bad" in texts:
            raise KeyError("bad")
        return [len(text) for text in texts]


def run(scenario, *, max_queue_texts=100, max_batch_texts=8, batch_wait_s=0.01):
    async def main():
        batcher = Batcher(
            max_queue_texts=max_queue_texts,
            max_batch_texts=max_batch_texts,
            batch_wait_s=batch_wait_s,
        )
        batcher.start()
        try:
            return await scenario(batcher)
        finally:
            await batcher.stop()

    return asyncio.run(main())


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def test_requests_that_wait_together_are_answered_in_one_batch_each_in_its_order():
    model = Model()

    async def scenario(batcher):
        requests = [["a", "bb"], ["bb", "ccc", "a"], ["dddd"]]
        return await asyncio.gather(*(batcher.submit(model.lengths, r) for r in requests))

    assert run(scenario) == [[1, 2], [2, 3, 1], [4]]
    assert model.batches == [["a", "bb", "ccc", "dddd"]]  # each distinct text once


def test_a_batch_holds_no_more_texts_than_it_may():
    model = Model()

    async def scenario(batcher):
        requests = [[f"{i}-{j}" for j in range(3)] for i in range(6)]
        await asyncio.gather(*(batcher.submit(model.lengths, r) for r in requests))

    run(scenario, max_batch_texts=7)
    assert [len(batch) for batch in model.batches] == [6, 6, 6]


def test_a_request_larger_than_a_batch_is_answered_whole():
    model = Model()
    texts = [str(i) for i in range(30)]
    answers = run(lambda batcher: batcher.submit(model.lengths, texts))
    assert answers == [len(text) for text in texts]


def test_a_full_queue_refuses_and_says_when_to_come_back():
    model = Model(held=True)

    async def scenario(batcher):
        running = asyncio.create_task(batcher.submit(model.lengths, ["first"]))
        await until(lambda: batcher.n_waiting == 1)
        await until(lambda: batcher.n_waiting == 0)  # the model reads it
        waiting = asyncio.create_task(batcher.submit(model.lengths, ["a", "b"]))
        await until(lambda: batcher.n_waiting == 2)
        with pytest.raises(QueueFull, match=r"Got more texts than may wait \(2 do\)") as refused:
            await batcher.submit(model.lengths, ["c", "d"])
        room = asyncio.create_task(batcher.submit(model.lengths, ["c"]))  # control
        await until(lambda: batcher.n_waiting == 3)
        model.gate.set()
        return refused.value.retry_after_s, await asyncio.gather(running, waiting, room)

    assert run(scenario, max_queue_texts=3) == (1, [[5], [1, 1], [1]])


def test_a_request_that_was_given_up_is_not_read_and_frees_its_place():
    model = Model(held=True)

    async def scenario(batcher):
        running = asyncio.create_task(batcher.submit(model.lengths, ["first"]))
        await until(lambda: batcher.n_waiting == 1)
        await until(lambda: batcher.n_waiting == 0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await batcher.submit(model.lengths, ["late"])
        assert batcher.n_waiting == 0
        model.gate.set()
        await running
        return await batcher.submit(model.lengths, ["next"])

    assert run(scenario, max_queue_texts=1) == [4]
    assert model.batches == [["first"], ["next"]]


def test_only_the_request_fails_that_the_model_cannot_answer(caplog):
    model = Model()

    async def scenario(batcher):
        requests = (batcher.submit(model.lengths, [text]) for text in ("good", "bad", "fine"))
        return await asyncio.gather(*requests, return_exceptions=True)

    good, bad, fine = run(scenario)
    assert (good, fine) == ([4], [4])
    assert isinstance(bad, ModelFailure)
    assert str(bad).startswith("Got KeyError from the model")
    assert "raised KeyError" in caplog.text
    assert "'bad'" not in caplog.text  # the message is the text


def test_stopping_answers_everything_accepted_and_accepts_no_more():
    model = Model(held=True)

    async def scenario(batcher):
        requests = [asyncio.create_task(batcher.submit(model.lengths, [t])) for t in "abc" * 9]
        await until(lambda: batcher.n_waiting > 15)
        stop = asyncio.create_task(batcher.stop())
        await asyncio.sleep(0)
        with pytest.raises(Stopping, match="Got a request while the service stops"):
            await batcher.submit(model.lengths, ["x"])
        model.gate.set()
        await stop
        return await asyncio.gather(*requests)

    assert run(scenario) == [[1]] * 27


def test_limits_under_which_nothing_could_be_answered_are_refused():
    with pytest.raises(InputError, match="Got timeout_s 0; expected more than 0"):
        ServeSettings(timeout_s=0)
    with pytest.raises(InputError, match="Got timeout_s nan; expected more than 0"):
        ServeSettings(timeout_s=float("nan"))
    said = "Got room for 10 waiting texts and requests of up to 256; .* or a smaller --max-texts"
    with pytest.raises(InputError, match=said):
        ServeSettings(max_queue_texts=10)


def test_the_token_comes_from_a_file_or_else_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("POLAR_DETECT_TOKEN", raising=False)
    assert read_token(None) is None
    monkeypatch.setenv("POLAR_DETECT_TOKEN", "e" * 16)
    assert read_token(None) == "e" * 16
    file = tmp_path / "token"
    file.write_text("f" * 32 + "\n")
    assert read_token(file) == "f" * 32
    file.write_text("f" * 32 + "\r\n", encoding="utf-8-sig")  # as editors on Windows save it
    assert read_token(file) == "f" * 32
    file.write_text("f" * 32 + "\r\n", encoding="utf-16")  # as Windows PowerShell redirects it
    assert read_token(file) == "f" * 32


def test_what_makes_a_token_runs_on_any_system(tmp_path):
    file = tmp_path / "token"
    file.write_text("short")
    with pytest.raises(InputError) as refused:
        read_token(file)
    program, *arguments = shlex.split(str(refused.value).split("make one with: ")[1])
    assert program == "python"
    made = subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    file.write_bytes(made.stdout)
    assert len(read_token(file)) == 64


@pytest.mark.parametrize("token", ["short", "with blanks in between", "grün" * 8, ""])
def test_a_token_that_protects_nothing_is_refused_without_being_shown(tmp_path, token):
    file = tmp_path / "token"
    file.write_text(token)
    with pytest.raises(InputError, match=r"Got a token of \d+ characters in") as refused:
        read_token(file)
    assert not token or token not in str(refused.value)


def test_a_token_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"Got token file '.*none', which cannot be read"):
        read_token(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe" * 20)
    with pytest.raises(InputError, match=r"Got token file '.*binary', which is not UTF-8"):
        read_token(tmp_path / "binary")
