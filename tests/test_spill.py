"""States of tokens beyond what lies in memory."""

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from work_orders import NEW

from polar_detect.progress import Tracker
from polar_detect.signature.normal.token_index import TokenIndex
from polar_detect.signature.reading import spill
from polar_detect.signature.reading.token_states import TextTokens, TokenStates


def states_of(*lengths):
    rng = np.random.default_rng(len(lengths))
    texts = []
    for n in lengths:
        # As the encoder has them: not contiguous.
        states = rng.normal(size=(n, 2, 4)).astype(np.float16).transpose(1, 0, 2)
        texts.append(TextTokens(states, np.arange(n), np.ones(n, np.float32)))
    return TokenStates(tuple(texts))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def files(monkeypatch):
    """Return the temporary files that are made."""
    made = []

    def file(own=tempfile.TemporaryFile, **kwargs):
        made.append(own(**kwargs))
        return made[-1]

    monkeypatch.setattr(spill.tempfile, "TemporaryFile", file)
    return made


def in_memory(tokens):
    return [isinstance(text.states, np.ndarray) for text in tokens.texts]


def assert_same(found, expected):
    assert found.lengths.tolist() == expected.lengths.tolist()
    for one, other in zip(found.texts, expected.texts, strict=True):
        assert len(one.states) == len(other.states)
        for depth in range(len(one.states)):
            np.testing.assert_array_equal(one.states[depth], other.states[depth])
        np.testing.assert_array_equal(one.targets, other.targets)
        np.testing.assert_array_equal(one.losses, other.losses)
    np.testing.assert_array_equal(found.at(1), expected.at(1))


def test_states_beyond_what_memory_may_hold_lie_in_a_file_without_a_name(folder, monkeypatch):
    monkeypatch.setattr(spill, "_MAX_IN_MEMORY", 5 * 2 * 4 * 2)  # five tokens
    parts = states_of(3, 2), states_of(1, 0, 4), states_of(0), states_of(7)
    own = spill.Spill()
    kept = [own.kept(part) for part in parts]
    if os.name != "nt":
        assert not [*folder.iterdir()]
    sizes = [[True] * 2, [False, True, False], [True], [False]]  # of no tokens there is nothing
    assert [in_memory(part) for part in kept] == sizes
    for found, expected in zip(kept, parts, strict=True):
        assert_same(found, expected)
    assert_same(TokenStates.below(kept), TokenStates.below(parts))


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
def test_states_in_a_file_take_no_memory_and_the_file_is_closed_behind_the_last_of_them(
    files, monkeypatch
):
    monkeypatch.setattr(spill, "_MAX_IN_MEMORY", 0)
    own = spill.Spill()
    first, second = own.kept(states_of(3)), own.kept(states_of(2, 4))
    assert [text.states.nbytes for text in (*first.texts, *second.texts)] == [0] * 3
    assert len(files) == 1
    del own, first
    assert_same(second, states_of(2, 4))
    assert not files[0].closed
    del second
    gc.collect()
    assert files[0].closed


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="writes to /dev/full")
def test_states_stay_in_memory_where_the_file_has_no_room(monkeypatch):
    files = []

    def full(buffering):
        files.append(Path("/dev/full").open("w+b", buffering))  # noqa: SIM115 - closed by what is tested
        return files[-1]

    monkeypatch.setattr(spill, "_MAX_IN_MEMORY", 0)
    monkeypatch.setattr(spill.tempfile, "TemporaryFile", full)
    own = spill.Spill()
    for part in (states_of(3, 2), states_of(4)):
        assert own.kept(part) is part
    assert [file.closed for file in files] == [True]  # tried once, and let go of


WITH_A_LIMIT = """
import resource
from test_spill import assert_same, spill, states_of
spill._MAX_IN_MEMORY = 0
own = spill.Spill()
first = own.kept(states_of(3, 2))  # 80 bytes
resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, resource.RLIM_INFINITY))
large = states_of(20)
assert own.kept(large) is large
assert_same(first, states_of(3, 2))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the size of files")
@pytest.mark.parametrize("most", [80, 100])  # bytes: no room is left, or too little
def test_states_that_had_room_are_read_from_a_file_that_is_full_by_now(most):
    code = WITH_A_LIMIT.format(most=most)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.usefixtures("folder")
def test_texts_whose_states_lie_in_a_file_are_compared_bit_by_bit_as_others(
    fitted_on_tiny, monkeypatch
):
    reference, extractor = fitted_on_tiny.fitted_.reference, fitted_on_tiny.engine_.extractor
    found = []
    for n_bytes in (2**30, 0):
        monkeypatch.setattr(spill, "_MAX_IN_MEMORY", n_bytes)
        readings = extractor.read_all(NEW, stage="read", tracker=Tracker(None))
        assert in_memory(readings.traces.tokens) == [n_bytes > 0] * len(NEW)
        index = TokenIndex.fit(readings.encoding.tokens)
        found.append([*map(vars, reference.novelty(readings)), {"points": index.points}])
    for one, other in zip(*found, strict=True):
        for name, values in one.items():
            np.testing.assert_array_equal(other[name], values)
