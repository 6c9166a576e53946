from collections import Counter

import numpy as np
import pytest
from work_orders import NORMAL

from polar_detect.pipeline.outliers import corrupted, topic_clusters


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def topics(sizes, *, spread=0.02, hidden=16):
    rng = np.random.default_rng(0)
    rows = [np.eye(hidden)[i] + rng.normal(0, spread, (n, hidden)) for i, n in enumerate(sizes)]
    return unit(np.concatenate(rows)), np.repeat(np.arange(len(sizes)), sizes)


def test_texts_of_one_topic_get_one_cluster():
    embeddings, topic = topics([30, 20, 25])
    clusters = topic_clusters(embeddings, seed=0)
    pairs = set(zip(topic.tolist(), clusters.tolist(), strict=True))
    assert len(pairs) == len(set(clusters.tolist())) == 3
    # Control: without topics clusters do not follow the labels.
    noise = unit(np.random.default_rng(1).normal(size=embeddings.shape))
    assert len(set(zip(topic, topic_clusters(noise, seed=0), strict=True))) > 3


@pytest.mark.parametrize(("n_texts", "n_clusters"), [(40, 3), (119, 3), (200, 5), (1000, 8)])
def test_there_are_three_to_eight_clusters(n_texts, n_clusters):
    embeddings = unit(np.random.default_rng(0).normal(size=(n_texts, 8)))
    assert len(np.unique(topic_clusters(embeddings, seed=0))) == n_clusters


def test_the_same_seed_gives_the_same_clusters():
    embeddings = unit(np.random.default_rng(0).normal(size=(60, 8)))
    first = topic_clusters(embeddings, seed=3)
    np.testing.assert_array_equal(topic_clusters(embeddings, seed=3), first)
    assert (topic_clusters(embeddings, seed=4) != first).any()


@pytest.mark.parametrize("n_distinct", [1, 2])
def test_fewer_distinct_texts_than_clusters_are_clustered_by_text(n_distinct):
    embeddings = np.repeat(np.eye(4, dtype=np.float32)[:n_distinct], 50, axis=0)
    clusters = topic_clusters(embeddings, seed=0)
    assert len(np.unique(clusters)) == n_distinct
    assert len(np.unique(clusters[:50])) == 1


JAPANESE = ["油圧ポンプの異音を確認した。", "定期点検を実施、異常なし", "配管を交換した"] * 20


@pytest.mark.parametrize("texts", [NORMAL, JAPANESE, ["E-101", "PUMP", "12"] * 20])
def test_each_text_is_broken(texts):
    broken = corrupted(texts, seed=0)
    assert len(broken) == len(texts)
    assert all(a.strip() and a.split() != b.split() for a, b in zip(broken, texts, strict=True))


def test_texts_without_blanks_are_broken_as_others_are():
    kinds = Counter(
        "order" if Counter(broken) == Counter(text) else "other"
        for text, broken in zip(JAPANESE, corrupted(JAPANESE, seed=0), strict=True)
    )
    assert kinds["order"] > 5
    assert kinds["other"] > 5


def test_the_same_seed_gives_the_same_corruptions():
    assert corrupted(NORMAL, seed=5) == corrupted(NORMAL, seed=5)
    assert corrupted(NORMAL, seed=5) != corrupted(NORMAL, seed=6)


def test_every_kind_of_corruption_occurs():
    texts = NORMAL * 5
    known = {word for text in texts for word in text.split()}

    def kind(text, broken):
        words, own = broken.split(), text.split()
        if broken.lower() == text.lower() and broken != text:
            return "case"
        if broken != text and Counter(words) == Counter(own):
            return "shuffled"
        if len(words) > len(own) and set(words) == set(own):
            return "repeated"
        if len(words) == len(own) and set(words) <= known:
            return "mixed"
        return "misspelt" if not set(words) <= known else "other"

    kinds = Counter(map(kind, texts, corrupted(texts, seed=0)))
    assert {"case", "shuffled", "repeated", "mixed", "misspelt"} <= kinds.keys()
    # Control: whole texts are none of those.
    assert {kind(text, text) for text in texts} == {"mixed"}  # with words of its own only


@pytest.mark.parametrize("texts", [[], [""], ["", "   "]])
def test_texts_with_nothing_to_break_come_back_empty(texts):
    for seed in range(20):
        assert corrupted(texts, seed=seed) == [""] * len(texts)
