"""The ablation finds neighbours without the encoder where asked to, and joins two views."""

import ablation
import numpy as np
import pytest
from fit_tables import Signatures
from work_orders import NORMAL

from polar_detect.backbone.decoder import Backbone
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.metrics import auroc
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.encoder import Encoder
from polar_detect.signature.reading.tracer import Tracer


@pytest.fixture(scope="module")
def extractor(tiny_folder, minilm):
    tracer = Tracer(Backbone.load(tiny_folder), curves="none")
    return Extractor(tracer, Encoder.load(minilm.folder))


@pytest.mark.slow
def test_own_retrieval_needs_nothing_of_the_encoder(extractor):
    texts, encoder = list(NORMAL[:20]), extractor.encoder
    shorter = Extractor(extractor.tracer, Encoder(encoder.model, encoder.tokenizer, max_tokens=3))
    found, same = (
        ablation.OwnRetrieval.fit(own, texts).read(texts).embeddings for own in (extractor, shorter)
    )
    np.testing.assert_array_equal(found, same)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    # The control: the encoders do differ.
    assert np.abs(extractor.read(texts).embeddings - shorter.read(texts).embeddings).max() > 0.1


def test_a_text_that_is_strange_in_one_of_the_two_views_is_found_by_both_together():
    rng = np.random.default_rng(0)
    features = (Feature("memory", "ratio"), Feature("context", "gain"))
    normal, strangers = rng.normal(size=(80, 2)), rng.normal((0, 5), size=(40, 2))
    # Strangers of the training are strange in the second feature only, half of the test's in the
    # other one, where a regression sees nothing.
    odd = np.vstack([rng.normal((5, 0), size=(20, 2)), rng.normal((0, 4), size=(20, 2))])
    test = np.vstack([rng.normal(size=(60, 2)), odd])
    tables = [FeatureTable(v.astype(np.float32), features) for v in (normal, strangers, test)]
    own = Signatures(*tables)
    labels = np.arange(100) >= 60
    found = {
        method.__name__: auroc(labels, method(own, 0))
        for method in (ablation.clusters, ablation.views)
    }
    assert found["views"] > 0.97
    assert found["clusters"] < 0.9


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_loss_that_is_strange_on_either_side_counts_beside_a_group(sign):
    rng = np.random.default_rng(0)
    features = (Feature("loss", "mean"), Feature("context", "gain"))
    normal, strangers = rng.normal(size=(80, 2)), rng.normal((0, 5), size=(40, 2))
    # Half of the anomalous texts have a strange loss, the other half what strangers teach.
    odd = np.vstack([rng.normal((5 * sign, 0), size=(20, 2)), rng.normal((0, 4), size=(20, 2))])
    test = np.vstack([rng.normal(size=(60, 2)), odd])
    tables = [FeatureTable(v.astype(np.float32), features) for v in (normal, strangers, test)]
    labels = np.arange(100) >= 60
    names = ("beside the loss: context", "alone, clusters: context", "loss only, both tails")
    methods, own = ablation._methods(), Signatures(*tables)
    both, alone, loss = (auroc(labels, methods[name](own, 0)) for name in names)
    assert both > 0.97
    assert alone < 0.9
    assert loss < 0.9


def test_only_the_features_of_a_group_are_silenced():
    features = (Feature("length", "tokens"), Feature("loss", "mean"))
    table = FeatureTable(np.asarray([[4.5, 3.0]], np.float32), features)
    own = Signatures(table, table, table).silenced(features[0].__eq__)
    for part in (own.normal, own.strangers, own.test):
        np.testing.assert_array_equal(part.values, [[0, 3]])


def test_the_table_holds_paired_differences_to_the_loss_and_of_the_default():
    worth = {"head: auto": 0.2, "alone, tails: context": 0.1}
    found = {
        task: {0: {method: base + worth.get(method, 0) for method in ablation._methods()}}
        for task, base in (("bgl", 0.5), ("sms", 0.7))
    }
    lines = ablation._auroc_table(found).splitlines()
    assert "| it − loss only, both tails | head: auto − it |" in lines[0]
    (line,) = (line for line in lines if "alone, tails: context " in line)
    assert line.endswith("| 0.100 (0.100 to 0.100) | 0.100 (0.100 to 0.100) |")
