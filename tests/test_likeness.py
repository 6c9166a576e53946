from types import SimpleNamespace

import numpy as np
import pytest

from polar_detect.likeness import KeptOut, Likeness, can_teach
from polar_detect.metrics import auroc

HIDDEN = 24


def texts_of(n, *, seed, shift=0.0, name="text"):
    """Return texts with unit embeddings, which `shift` moves along the first direction."""
    points = np.random.default_rng(seed).normal(size=(n, HIDDEN)).astype(np.float32)
    points[:, 0] += shift
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return SimpleNamespace(texts=tuple(f"{name} {i}" for i in range(n)), embeddings=points)


def likeness(model, own):
    return model.features(own.embeddings).values[:, 0]


def separation(high, low):
    return auroc(np.repeat([True, False], [len(high), len(low)]), np.concatenate([high, low]))


def test_new_anomalies_of_the_labelled_kind_are_more_like_them_than_normal_texts_are():
    normal, new = texts_of(100, seed=0), texts_of(60, seed=1)
    labelled, unseen = texts_of(10, seed=2, shift=4), texts_of(60, seed=3, shift=4)
    model = Likeness.fit(normal.embeddings, labelled.embeddings)
    assert separation(likeness(model, unseen), likeness(model, new)) > 0.9
    # Control: labels on texts that are like all others teach nothing.
    model = Likeness.fit(normal.embeddings, texts_of(10, seed=2).embeddings)
    assert 0.3 < separation(likeness(model, texts_of(60, seed=3)), likeness(model, new)) < 0.7


def test_the_mean_normal_text_is_zero_and_a_text_has_the_same_bits_in_any_company():
    normal, labelled = texts_of(100, seed=0), texts_of(10, seed=2, shift=4)
    model = Likeness.fit(normal.embeddings, labelled.embeddings)
    mean = SimpleNamespace(embeddings=normal.embeddings.mean(0, keepdims=True))
    np.testing.assert_allclose(likeness(model, mean), 0, atol=1e-5)
    together = likeness(model, normal)
    alone = [likeness(model, SimpleNamespace(embeddings=row[None]))[0] for row in normal.embeddings]
    np.testing.assert_array_equal(together, alone)
    assert len(np.unique(together)) == 100


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_how_far_apart_an_encoder_puts_texts_makes_no_difference(scale):
    normal, labelled = texts_of(100, seed=0), texts_of(10, seed=2, shift=4)
    base = Likeness.fit(normal.embeddings, labelled.embeddings)
    scaled = Likeness.fit(normal.embeddings * scale, labelled.embeddings * scale)
    new = texts_of(20, seed=1)
    expected = likeness(base, new)
    moved = SimpleNamespace(embeddings=new.embeddings * np.float32(scale))
    np.testing.assert_allclose(likeness(scaled, moved), expected, rtol=1e-2, atol=1e-3)


def test_texts_that_teach_are_judged_without_themselves_or_what_reads_the_same():
    normal = texts_of(50, seed=0)
    labelled = texts_of(8, seed=2)  # nothing tells them from the normal texts
    seen = Likeness.fit(normal.embeddings, labelled.embeddings)
    kept_out = KeptOut.fit(normal, labelled, seed=0)
    own = kept_out.of_labelled(labelled.embeddings).values[:, 0]
    other = kept_out.of_normal(normal.embeddings, np.arange(50)).values[:, 0]
    assert 0.2 < separation(own, other) < 0.8
    # Control: who sees itself seems to be told apart.
    assert separation(likeness(seen, labelled), likeness(seen, normal)) > 0.95
    twice = SimpleNamespace(
        texts=labelled.texts * 2, embeddings=np.concatenate([labelled.embeddings] * 2)
    )
    folds = KeptOut.fit(normal, twice, seed=0).labelled_folds
    np.testing.assert_array_equal(folds[:8], folds[8:])
    assert len(np.unique(folds)) == 5


def test_a_text_made_of_a_normal_one_is_judged_without_that():
    normal, labelled = texts_of(50, seed=0), texts_of(8, seed=2, shift=2)
    kept_out = KeptOut.fit(normal, labelled, seed=0)
    origins = np.array([7, 7, 31])
    made = texts_of(3, seed=5)
    found = kept_out.of_normal(made.embeddings, origins).values[:, 0]
    models = [kept_out.models[kept_out.normal_folds[i]] for i in origins]
    rows = [SimpleNamespace(embeddings=row[None]) for row in made.embeddings]
    expected = [likeness(model, row)[0] for model, row in zip(models, rows, strict=True)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("n_labelled", "n_normal", "can"), [(3, 50, True), (2, 50, False), (3, 1, False), (3, 2, True)]
)
def test_three_different_anomalies_and_two_normal_texts_are_the_fewest(n_labelled, n_normal, can):
    labelled = texts_of(n_labelled, seed=2, shift=2, name="anomaly")
    normal = texts_of(n_normal, seed=0)
    repeated = SimpleNamespace(
        texts=labelled.texts * 3, embeddings=np.concatenate([labelled.embeddings] * 3)
    )
    assert can_teach(normal, labelled) == can_teach(normal, repeated) == can
    if can:
        kept_out = KeptOut.fit(normal, labelled, seed=0)
        values = kept_out.of_labelled(labelled.embeddings).values
        assert np.isfinite(values).all()
        assert len(kept_out.models) == min(3, n_normal)


def test_one_normal_text_many_times_over_is_no_error():
    one = texts_of(1, seed=0)
    normal = SimpleNamespace(texts=one.texts * 40, embeddings=np.repeat(one.embeddings, 40, axis=0))
    labelled = texts_of(5, seed=2)
    model = Likeness.fit(normal.embeddings, labelled.embeddings)
    assert np.isfinite(likeness(model, labelled)).all()
    assert not can_teach(normal, labelled)
