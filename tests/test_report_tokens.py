import itertools

import numpy as np
import pytest

from polar_detect.backbone.decoder import Backbone
from polar_detect.executor.decoder import Executor, batches
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.signature.token_losses import token_losses

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


def test_a_tokenizer_without_offsets_leaves_the_texts_unmarked(real):
    class Slow:
        is_fast = False

        def __call__(self, *args, **kwargs):
            return real.tokenizer(*args, **kwargs)

    backbone = Backbone.__new__(Backbone)
    backbone.__dict__.update(real.__dict__ | {"tokenizer": Slow()})
    assert token_losses(backbone, TEXTS[:1], max_tokens=8) == [()]
