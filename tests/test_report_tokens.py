import itertools

import numpy as np
import pytest

from polar_detect.backbone.decoder import Backbone
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.signature.marks.known_words import KnownWords, WordShares
from polar_detect.signature.marks.token_losses import Normal, _beside_normal, token_losses
from polar_detect.signature.normal.token_index import TokenIndex
from polar_detect.signature.reading.tracer import Tracer

TEXTS = ["Replaced the hydraulic hose on press 4.", "", "ポンプの軸受から異音。", "a\r\n<b>&"]


@pytest.fixture(scope="module")
def losses(real):
    return token_losses(real, TEXTS, max_tokens=64)


def test_token_losses_average_to_the_loss_of_the_full_program(real, losses):
    rows = real.tokenize(TEXTS, 64)
    for batch in batches(rows, real):
        jobs = [Job(i, Program.full(real.n_layers)) for i in range(len(batch))]
        for i, mean in zip(
            batch.index, Executor(real).losses(batch, jobs, precise=True), strict=True
        ):
            total = sum(token.loss for token in losses[i])
            assert total / len(rows[i]) == pytest.approx(float(mean), abs=1e-3)


def test_spans_follow_each_other_and_cover_the_text(losses):
    for text, spans in zip(TEXTS, losses, strict=True):
        covered = "".join(text[span.start : span.stop] for span in spans)
        assert covered == text
        assert all(a.stop <= b.start for a, b in itertools.pairwise(spans))
    assert losses[1] == ()


def test_tokens_that_share_a_character_are_one_span(real, losses):
    n_tokens = len(real.tokenize([TEXTS[2]], 64)[0])
    assert len(losses[2]) <= len(TEXTS[2]) < n_tokens


def test_what_stands_behind_the_last_token_has_no_loss(real):
    (cut,) = token_losses(real, [TEXTS[0]], max_tokens=3)
    (whole,) = token_losses(real, [TEXTS[0]], max_tokens=64)
    assert len(cut) == 3 < len(whole)
    assert cut[-1].stop < len(TEXTS[0])
    np.testing.assert_allclose([t.loss for t in cut], [t.loss for t in whole[:3]], atol=1e-3)


def test_the_strange_word_costs_most(real):
    text = "Replaced the oil filter. xqzvkw. Replaced the oil filter."
    (spans,) = token_losses(real, [text], max_tokens=64)
    worst = max(spans[1:], key=lambda span: span.loss)  # nothing foretells the first token
    assert text[worst.start : worst.stop].strip() in "xqzvkw"


ORDERS = ["REPLACE LEAKING HOSE", "REPLACE PUMP", "REPLACE WORN HOSE ON PUMP"]


@pytest.fixture(scope="module")
def read(real):
    """Return what the model made of each order, and of a text that is none."""
    return Tracer(real, curves="none").trace([*ORDERS, "credit cards stolen"])


@pytest.fixture(scope="module")
def index(read):
    """Return an index of normal texts, of which each order is 30."""
    return TokenIndex.fit(read.rows([0, 1, 2] * 30).tokens)


def test_what_normal_texts_say_costs_little_and_what_they_do_not_as_much_as_ever(real, index):
    text = "REPLACE WORN HOSE ON CREDIT CARD"
    (alone,) = token_losses(real, [text], max_tokens=64)
    (beside,) = token_losses(real, [text], max_tokens=64, normal=Normal(index))
    alone, beside = ([token.loss for token in own] for own in (alone, beside))
    new = text[: text.index(" CREDIT")]
    n_known = len(real.tokenize([new], 64)[0])
    assert np.argmax(alone) == 0  # nothing foretells the first token but what others begin with
    assert np.argmax(beside) >= n_known
    # All orders begin like this one, and a tenth of what they say is this token or more.
    assert beside[0] < -np.log((1 + 0.1) / 3)
    np.testing.assert_allclose(beside[n_known:], np.add(alone[n_known:], np.log(3)), atol=1e-3)


def test_a_word_that_normal_texts_have_costs_little_however_it_is_written(real, index):
    normal = Normal(index, words=KnownWords.of([*ORDERS, "clean filter"] * 30))
    (spans,) = token_losses(real, ["replace worn hose on camera"], max_tokens=64, normal=normal)
    *known, new = (span.loss for span in spans)
    assert max(known) < -np.log(1 / 13 / 3) < new - 1  # each is a thirteenth of the words, or more
    (by_tokens,) = token_losses(
        real, ["replace worn hose on camera"], max_tokens=64, normal=Normal(index)
    )
    assert max(span.loss for span in by_tokens[:-1]) > max(known) + 1  # control
    # Of the words none is expected to be new but one of 361.
    assert new == pytest.approx(by_tokens[-1].loss + np.log(361), abs=0.01)


@pytest.mark.slow
def test_texts_are_marked_as_in_any_company(real, index):
    texts = ["REPLACE HOSE", "", "hello", "REPLACE WORN HOSE ON CREDIT CARD"]
    normal = Normal(index, words=KnownWords.of(ORDERS))
    together = token_losses(real, texts, max_tokens=64, normal=normal)
    for text, own in zip(texts, together, strict=True):
        assert token_losses(real, [text], max_tokens=64, normal=normal) == [own]


def test_a_text_is_not_held_against_itself_where_normal_texts_may_be_anomalous(real, read):
    places = [*[0, 1, 2] * 30, 3]
    index = TokenIndex.fit(read.rows(places).tokens)

    def loss(share):
        normal, text = Normal(index, share), "credit cards stolen"
        return sum(own.loss for own in token_losses(real, [text], max_tokens=64, normal=normal)[0])

    own, passed = loss(0), loss(1 / len(places))
    assert passed > own + 1


def test_a_token_that_nothing_foretells_has_a_loss_that_is_a_number(index):
    losses, states = np.full(1, 1000, np.float32), np.zeros((1, index.means.shape[1]), np.float16)
    unknown = np.asarray([index.targets.max() + 1])
    left = _beside_normal(losses, states, unknown, Normal(index), WordShares.of_nothing(1))
    assert left == pytest.approx([1000 + np.log(3)], rel=1e-4)


def test_a_tokenizer_without_offsets_leaves_the_texts_unmarked(real):
    class Slow:
        is_fast = False

        def __call__(self, *args, **kwargs):
            return real.tokenizer(*args, **kwargs)

    backbone = Backbone.__new__(Backbone)
    backbone.__dict__.update(real.__dict__ | {"tokenizer": Slow()})
    assert token_losses(backbone, TEXTS[:1], max_tokens=8) == [()]
