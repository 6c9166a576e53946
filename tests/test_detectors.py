import json
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from unlabelled_heads import UNLABELLED

from polar_detect.detectors import HEADS, TrainingSignatures, forest, new_head
from polar_detect.detectors.auto import _centred, _combined, _views
from polar_detect.detectors.forest import IsolationForestHead, _check_forest, _check_trees
from polar_detect.detectors.parts import topic_parts
from polar_detect.detectors.scale import Scale
from polar_detect.errors import ArtifactError, InputError
from polar_detect.features.table import Feature, FeatureTable, by_layer
from polar_detect.metrics import auroc

N_LAYERS = 4
ENCODER_PARTS = ("mahalanobis", "knn", "novelty", "change")
WHOLE = (
    *(Feature("length", part) for part in ("tokens", "characters_per_token")),
    *(Feature("loss", part) for part in ("mean", "spread", "max", "surprise")),
    *(Feature("context", part) for part in ("loss_without", "loss_with", "gain", "ratio")),
    *(Feature("neighbours", f"similarity_{part}") for part in ("first", "mean", "far")),
    *(Feature("memory", part) for part in ("loss_with", "gain", "ratio", "share")),
    *(Feature("encoder", f"{part}_{n}") for part in ENCODER_PARTS for n in range(3)),
    *(Feature("encoder", part) for part in ("far_novelty_2", "characters_per_token")),
    *(Feature("program", part) for part in ("length", "n_skips", "n_loops")),
)
CURVES = (
    *(by_layer(group, N_LAYERS) for group in ("skip", "loop", "exit", "change")),
    *(by_layer("distance", N_LAYERS, part) for part in ("mahalanobis", "knn")),
    by_layer("tokens", N_LAYERS, "novelty"),
    by_layer("context", N_LAYERS - 1, "gain"),
    by_layer("program", N_LAYERS, "calls"),
)
FEATURES = (*WHOLE, *(feature for curve in CURVES for feature in curve))
SHIFTS = {"loss": 3, "distance": 3, "neighbours": -3, "context": 2, "program": 1}
SHIFTS |= {"memory": 2, "encoder": 3, "tokens": 3, "change": 3}
LOWER = {Feature("context", "gain"), Feature("memory", "gain"), Feature("memory", "share")}
TOLERANCES = {"auto": 1e-6, "lightgbm": 1e-4, "isolation-forest": 1e-4}
each_head = pytest.mark.parametrize("name", UNLABELLED)


def table(n, *, seed, shifted=False):
    values = np.random.default_rng(seed).normal(size=(n, len(FEATURES)))
    if shifted:
        values += [-3 if f in LOWER else SHIFTS.get(f.group, 0) for f in FEATURES]
    return FeatureTable(values.astype(np.float32), FEATURES)


def shown(normal, strangers, n_labelled):
    """Return signatures to fit on, where the last of the strangers are labelled."""
    cut = len(strangers) - n_labelled
    labelled = strangers.rows(slice(cut, None)) if n_labelled else None
    return TrainingSignatures(normal, strangers.rows(slice(cut)), labelled)


def fitted(name, *, seed=0):
    strangers = table(90, seed=2, shifted=True)
    return new_head(name).fit(TrainingSignatures(table(120, seed=1), strangers), seed=seed)


@pytest.fixture(scope="module")
def heads():
    return {name: fitted(name) for name in UNLABELLED}


def test_there_is_a_test_tolerance_for_every_detector():
    assert set(TOLERANCES) == set(UNLABELLED)


@each_head
def test_shifted_strangers_score_higher_than_unseen_normal_texts(heads, name):
    normal, labels = table(80, seed=3), np.repeat([False, True], 80)

    def separation(others):
        return auroc(labels, np.concatenate([heads[name].scores(t) for t in (normal, others)]))

    assert separation(table(80, seed=4, shifted=True)) > 0.95
    # Control: strangers that are not shifted cannot be told apart.
    assert 0.35 < separation(table(80, seed=4)) < 0.65


@each_head
def test_shap_values_add_up_to_the_scores(heads, name):
    rows = FeatureTable.below([table(20, seed=5), table(20, seed=6, shifted=True)])
    attribution, scores = heads[name].explain(rows), heads[name].scores(rows)
    totals = attribution.base_value + attribution.values.sum(1)
    np.testing.assert_allclose(totals, scores, rtol=0, atol=TOLERANCES[name])
    attribution.check_adds_up(scores)
    assert attribution.features == FEATURES
    assert attribution.values.shape == rows.values.shape
    # Control: the sums differ between texts by far more than the tolerance.
    assert np.ptp(attribution.values.sum(1)) > 0.1
    with pytest.raises(AssertionError, match="SHAP values miss by"):
        attribution.check_adds_up(scores + 0.1)


@each_head
def test_a_text_is_explained_the_same_alone_as_among_others(heads, name):
    rows = table(12, seed=7, shifted=True)
    together, alone = heads[name].explain(rows), heads[name].explain(rows.rows([3]))
    assert alone.base_value == pytest.approx(together.base_value, abs=1e-5)
    np.testing.assert_allclose(alone.values[0], together.values[3], atol=1e-5)


@pytest.mark.slow
@each_head
def test_a_head_that_is_fitted_anew_explains_its_new_scores(name):
    rows, head = table(12, seed=7, shifted=True), fitted(name)
    before = head.explain(rows)
    head.fit(TrainingSignatures(table(120, seed=9), table(90, seed=10, shifted=True)), seed=1)
    head.explain(rows).check_adds_up(head.scores(rows))
    with pytest.raises(AssertionError, match="SHAP values miss by"):  # control: scores changed
        before.check_adds_up(head.scores(rows))


@each_head
def test_no_texts_have_no_shap_values(heads, name):
    assert heads[name].explain(table(0, seed=0)).values.shape == (0, len(FEATURES))


@each_head
def test_a_saved_head_scores_and_explains_identically_when_loaded(heads, name, tmp_path):
    heads[name].save(tmp_path)
    loaded, rows = HEADS[name].load(tmp_path, FEATURES), table(30, seed=8, shifted=True)
    np.testing.assert_array_equal(loaded.scores(rows), heads[name].scores(rows))
    np.testing.assert_array_equal(loaded.explain(rows).values, heads[name].explain(rows).values)
    # Control: a head fitted on other texts scores differently.
    others = TrainingSignatures(table(120, seed=9), table(90, seed=10, shifted=True))
    other = new_head(name).fit(others, seed=0)
    assert (other.scores(rows) != loaded.scores(rows)).any()


@each_head
def test_a_saved_head_has_no_pickle_files(heads, name, tmp_path):
    heads[name].save(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert {path.suffix for path in files} <= {".json", ".txt", ".skops"}
    assert not any(path.read_bytes().startswith(b"\x80") for path in files)  # pickle's first byte


@each_head
def test_the_same_seed_gives_the_same_head(heads, name):
    rows = table(30, seed=11)
    again = fitted(name).scores(rows)
    np.testing.assert_array_equal(again, heads[name].scores(rows))


@pytest.mark.parametrize("name", ["lightgbm", "isolation-forest"])
def test_another_seed_gives_other_trees(heads, name):
    rows = table(30, seed=11)
    assert (fitted(name, seed=1).scores(rows) != heads[name].scores(rows)).any()


@each_head
def test_columns_in_another_order_are_not_scored(heads, name):
    rows = table(3, seed=12)
    turned = FeatureTable(rows.values[:, ::-1], rows.features[::-1])
    with pytest.raises(AssertionError):
        heads[name].scores(turned)


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        ("lightgbm", "lightgbm.txt", r"lightgbm\.txt' that LightGBM cannot read"),
        pytest.param(
            "isolation-forest",
            "isolation_forest.skops",
            r"isolation_forest\.skops' that cannot be read safely",
        ),
    ],
)
def test_a_file_that_is_no_model_is_refused(heads, tmp_path, name, file, message):
    heads[name].save(tmp_path)
    (tmp_path / file).write_text("not a model")
    with pytest.raises(ArtifactError, match=message):
        HEADS[name].load(tmp_path, FEATURES)


@pytest.mark.parametrize(
    ("left", "message"), [(3, "outside itself"), (-2, "outside itself"), (0, "at itself")]
)
def test_a_forest_with_a_node_that_leads_nowhere_or_back_is_refused(left, message):
    def made(left):
        tree = SimpleNamespace(
            children_left=np.asarray([left, -1, -1]),
            children_right=np.asarray([2, -1, -1]),
            feature=np.asarray([0, -2, -2]),
            node_count=3,
            n_features=1,
        )
        return SimpleNamespace(estimators_=[SimpleNamespace(tree_=tree)])

    _check_trees(made(1))  # control
    with pytest.raises(ValueError, match=message):
        _check_trees(made(left))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of_tree", "value", "message"),
    [("children_left", 10_000, "points outside itself"), ("feature", 99, "asks for a feature")],
)
def test_a_saved_forest_is_looked_through_before_it_is_used(tmp_path, of_tree, value, message):
    head = IsolationForestHead().fit(
        TrainingSignatures(table(40, seed=1), table(2, seed=2)), seed=0
    )
    getattr(head._forest.estimators_[-1].tree_, of_tree)[0] = value
    head.save(tmp_path)
    with pytest.raises(ArtifactError, match=rf"cannot be read safely \(a tree {message}"):
        IsolationForestHead.load(tmp_path, FEATURES)


def changed(tree, n_features=None, **own):
    """Return a copy of a tree with other entries of its first node, or of other features."""
    kind, (of, *rest), state = tree.__reduce__()
    nodes = state["nodes"].copy()
    for name, value in own.items():
        nodes[name][0] = value
    made = kind(n_features or of, *rest)
    made.__setstate__(state | {"nodes": nodes})
    return made


@pytest.fixture
def small_forest():
    rows = np.random.default_rng(1).normal(size=(40, 3))
    return IsolationForest(n_estimators=2, random_state=0).fit(rows)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"n_features": 2**30, "feature": 2**29}, "a tree of other features than the forest"),
        ({"right_child": -1}, "a tree points outside itself"),
        ({"feature": -2}, "a tree asks for a feature that does not exist"),
    ],
    ids=["features", "child", "leaf"],
)
def test_a_forest_that_would_read_memory_that_is_not_its_own_is_refused(small_forest, own, message):
    estimator = small_forest.estimators_[-1]
    estimator.tree_ = changed(estimator.tree_)
    _check_forest(small_forest, 3)  # control
    estimator.tree_ = changed(estimator.tree_, **own)
    with pytest.raises(ValueError, match=message):
        _check_forest(small_forest, 3)


def test_what_only_looks_like_a_forest_is_refused(small_forest, monkeypatch):
    with pytest.raises(ValueError, match="no isolation forest"):
        _check_forest(SimpleNamespace(**vars(small_forest)), 3)
    of_features, small_forest.estimators_features_ = (
        small_forest.estimators_features_,
        [[0, 1, 3]] * 2,
    )
    with pytest.raises(ValueError, match="a tree of other features than the forest"):
        _check_forest(small_forest, 3)
    small_forest.estimators_features_ = of_features
    monkeypatch.setattr(forest, "_MAX_NODES", 5)
    with pytest.raises(ValueError, match="or of too many"):
        _check_forest(small_forest, 3)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"Got detector 'forest'; expected one of .*lightgbm"):
        new_head("forest")


MEAN, FAR = (
    FEATURES.index(Feature("neighbours", f"similarity_{part}")) for part in ("mean", "far")
)


def similar(n, *, seed, shift, far=0):
    """Return a table of similarities so many standard deviations lower, the same at both scales.

    At the wider scale strangers are by `far` less apart.
    """
    own = table(n, seed=seed)
    values = own.values.copy()
    values[:, MEAN] -= shift
    values[:, FAR] = values[:, MEAN] + far
    return FeatureTable(values, FEATURES)


def in_english(own, *, length=5):
    """Return a table of texts whose words the encoder knows, or reads in pieces so long."""
    values = own.values.copy()
    values[:, FEATURES.index(Feature("encoder", "characters_per_token"))] = length
    return FeatureTable(values, FEATURES)


@pytest.mark.parametrize(
    ("shift", "length", "topic"),
    [
        *((-3, 0, 25), (0, 0, 25), (0.8, 0, 46), (3, 0, 85)),
        *((0, 3.5, 25), (0, 3.8, 38), (0, 5, 50), (0.8, 5, 60), (3, 5, 85)),
    ],
)
def test_topic_counts_as_similarity_tells_held_out_clusters_apart(shift, length, topic):
    """And for half at least where the encoder is wholly trusted."""
    tables = (similar(4000, seed=n, shift=n * shift) for n in (0, 1))
    normal, strangers = (in_english(own, length=length) for own in tables)
    head = new_head("auto").fit(TrainingSignatures(normal, strangers), seed=0)
    found = head.choices["topic"]
    assert int(found.removesuffix("%")) == pytest.approx(topic, abs=3)
    assert head.choices["columns"] == "0%"
    assert f"topic counts for {found}" in head.reason
    assert head.choices["separation"] in head.reason


@pytest.mark.parametrize(("far", "share"), [(0.5, 0), (0.04, 0.5), (0, 1), (-0.5, 1)])
def test_the_scale_counts_that_tells_held_out_clusters_apart(far, share):
    normal, strangers = similar(4000, seed=1, shift=0), similar(4000, seed=2, shift=1, far=far)
    head = new_head("auto").fit(TrainingSignatures(in_english(normal), strangers), seed=0)
    assert head._fitted.far_share == pytest.approx(share, abs=0.2)
    assert head.choices["far"] == f"{head._fitted.far_share:.0%}"
    assert f"4% of the normal texts for {head.choices['far']}" in head.reason
    is_far = np.tile([f.part.startswith(("similarity_far", "far_novelty")) for f in FEATURES], 2)
    topic, form, *_ = np.abs(head._fitted.views)
    assert (topic[is_far].sum() > 0) == (share > 0)
    assert (topic[MEAN] > 0) or share == 1
    assert form[is_far].sum() == 0


def test_signatures_without_the_wider_scale_are_seen_from_near_by():
    features = [f for f in FEATURES if "far" not in f.part]
    own = [own.chosen(features) for own in (table(120, seed=1), table(90, seed=2, shifted=True))]
    head = new_head("auto").fit(TrainingSignatures(*own), seed=0)
    assert head._fitted.far_share == 0
    labels = np.repeat([False, True], [120, 90])
    assert auroc(labels, np.concatenate([head.scores(part) for part in own])) > 0.95


def test_near_texts_count_for_how_close_they_stand_where_that_is_known():
    """What is learned of held-out clusters goes by the plain similarity all the same."""
    local = (Feature("neighbours", "similarity_local"),)

    def with_local(own, seed, shift):
        values = np.random.default_rng(seed).normal(size=(len(own), 1)) - shift
        return FeatureTable.beside([own, FeatureTable(values.astype(np.float32), local)])

    plain = [in_english(similar(4000, seed=n, shift=n, far=n)) for n in (0, 1)]
    heads = {}
    for shift in (0, 2):
        own = (with_local(part, n + 7, n * shift) for n, part in enumerate(plain))
        heads[shift] = new_head("auto").fit(TrainingSignatures(*own), seed=0)
    head, other = heads[2]._fitted, new_head("auto").fit(TrainingSignatures(*plain), seed=0)._fitted
    assert head.far_share == other.far_share == 0
    assert head.similarity_auroc == other.similarity_auroc
    assert head.shares.tolist() == other.shares.tolist()
    place, n = len(FEATURES), len(FEATURES) + 1
    topics = [own._fitted.views[0] for own in heads.values()]
    np.testing.assert_allclose(*topics)  # whether or not held-out clusters are told by it
    assert topics[0][place] < -0.2
    assert abs(topics[0][MEAN]) < abs(other.views[0, MEAN]) - 0.2
    assert head.views[1, [place, n + place]].tolist() == [0, 0]  # form does not ask


NOVELTY = [f.group == "encoder" and "novelty" in f.part for f in FEATURES]
NEIGHBOURS = [f.group == "neighbours" for f in FEATURES]


@pytest.mark.parametrize("seed", range(3))
def test_no_text_scores_higher_for_being_more_like_normal_ones(seed):
    # Strangers that are *more* similar and less novel: what is learned points the wrong way.
    values = table(90, seed=seed).values
    values[:, NEIGHBOURS] += 2
    values[:, NOVELTY] -= 2
    normal = in_english(table(120, seed=seed + 10))
    head = new_head("auto").fit(TrainingSignatures(normal, FeatureTable(values, FEATURES)), seed=0)
    assert head.is_monotone
    assert head.choices["encoder"] == "85%"  # what is learned counts
    chance = np.random.default_rng(seed)
    before = FeatureTable((4 * table(200, seed=seed + 20).values).astype(np.float32), FEATURES)
    after = before.values.copy()
    after[:, NEIGHBOURS] += chance.exponential(size=(200, sum(NEIGHBOURS)))
    after[:, NOVELTY] -= chance.exponential(size=(200, sum(NOVELTY)))
    old, new = head.scores(before), head.scores(FeatureTable(after.astype(np.float32), FEATURES))
    assert (new <= old + 1e-12).all()
    assert (new < old - 1e-3).any()
    # Each by itself too: a wrong weight must not hide behind the right ones.
    for column in np.flatnonzero(np.asarray(NEIGHBOURS) | np.asarray(NOVELTY)):
        alone = before.values.copy()
        alone[:, column] = after[:, column]
        new = head.scores(FeatureTable(alone.astype(np.float32), FEATURES))
        assert (new <= old + 1e-12).all(), FEATURES[column].name


@pytest.mark.parametrize(("length", "trust"), [(1, 0), (3, 0), (3.5, 0.425), (4, 0.85), (9, 0.85)])
def test_the_encoder_counts_as_its_vocabulary_fits_the_texts(length, trust):
    drawn = table(120, seed=1), table(90, seed=2, shifted=True)
    tables = [in_english(own, length=length) for own in drawn]
    head = new_head("auto").fit(TrainingSignatures(*tables), seed=0)
    topic, form, *_ = np.abs(head._fitted.views)
    of_encoder = np.tile(np.asarray(NEIGHBOURS) | np.asarray(NOVELTY), 2)
    of_changes = np.tile([f.group == "change" for f in FEATURES], 2)
    assert (topic[of_encoder].sum() > 0) == (trust > 0)
    assert topic[of_changes].sum() > 0
    assert form[of_encoder].sum() > 0  # words that are new are strange in any language
    assert head.choices["encoder"] == f"{trust:.0%}"


LOSS = FEATURES.index(Feature("loss", "mean"))
MEMORY_LOSS = FEATURES.index(Feature("memory", "loss_with"))
LENGTH = FEATURES.index(Feature("length", "tokens"))
PIECES = FEATURES.index(Feature("encoder", "characters_per_token"))


def prose(n, *, seed, spread=0.3, pieces=5):
    """Return a table of texts as long as each other, read in pieces of so many characters.

    Their losses spread so much; with memory they are half as high.
    """
    values = table(n, seed=seed).values.copy()
    losses = values[:, LOSS] - values[:, LOSS].mean()
    values[:, LOSS] = 3 + spread * losses / losses.std()
    values[:, MEMORY_LOSS] = values[:, LOSS] / 2
    values[:, LENGTH] = 20
    values[:, FEATURES.index(Feature("length", "characters_per_token"))] = pieces
    return FeatureTable(values, FEATURES)


def usual(normal, n):
    return np.tile(np.median(normal.values, axis=0), (n, 1))


def fitted_on(normal):
    return new_head("auto").fit(TrainingSignatures(normal, table(90, seed=2, shifted=True)), seed=0)


@pytest.mark.parametrize(
    ("spread", "pieces", "trust", "read"),
    [
        *((0.3, 5, 1, 1), (0.5, 4, 1, 1), (0.65, 5, 0.5, 1), (0.3, 3.5, 1, 0.5)),
        *((0.3, 3, 1, 0), (0.8, 5, 0, 1), (2, 5, 0, 1)),
    ],
)
def test_language_counts_where_it_is_read_in_words_and_easy_language_where_losses_are_alike(
    spread, pieces, trust, read, tmp_path
):
    head = fitted_on(prose(120, seed=1, spread=spread, pieces=pieces))
    topic, form, easy, broken = head._fitted.shares
    expected = np.asarray([0.07 * trust * read * (1 + 100 / 120), 0.04 * read])
    rest = 1 - 0.07 * trust * read - 0.04 * read
    np.testing.assert_allclose([easy, broken], expected / (rest + expected.sum()), atol=1e-6)
    assert form == pytest.approx(1 - topic - easy - broken)
    assert head.choices["language"] == f"{easy + broken:.0%}"
    assert f"count for {head.choices['language']} by themselves" in head.reason
    head.save(tmp_path)
    assert HEADS["auto"].load(tmp_path, FEATURES).choices == head.choices


@pytest.mark.parametrize("n", [40, 100, 400])
def test_easy_language_counts_for_more_the_fewer_texts_others_are_held_against(n):
    topic, form, easy, broken = fitted_on(prose(n, seed=1))._fitted.shares
    assert easy / broken == pytest.approx(0.07 / 0.04 * (1 + 100 / n))
    assert (topic + form) / broken == pytest.approx((1 - 0.07 - 0.04) / 0.04)


@pytest.mark.parametrize(("n", "learned"), [(20, 0.2), (60, 0.3), (380, 0.38)])
def test_what_is_learned_from_few_texts_counts_for_less(n, learned):
    tables = in_english(table(n, seed=1)), in_english(table(90, seed=2, shifted=True))
    scale = Scale.fit(tables[0].values)
    rows = (scale.apply(own.values) for own in tables)
    parts = topic_parts(tables[0], *rows, far_share=0.0, trust=0.8)
    assert [share for share, _ in parts] == pytest.approx([0.8 - learned, learned, 0.2])


def test_losses_that_do_not_differ_say_nothing_by_themselves():
    normal = prose(120, seed=1, spread=0)
    head = fitted_on(normal)
    easy, broken = head._fitted.views[2:4]
    assert not easy.any()
    assert not broken[[LOSS, MEMORY_LOSS]].any()
    assert broken[PIECES] < 0  # control: what differs does
    assert np.isfinite(head.scores(table(9, seed=3, shifted=True))).all()


@pytest.mark.parametrize(("pieces", "is_read"), [(5, True), (3, False)])
def test_form_asks_for_the_length_where_texts_are_read_in_words(pieces, is_read):
    normal = prose(120, seed=1, pieces=pieces)
    normal.values[:, LENGTH] = np.random.default_rng(5).uniform(5, 100, len(normal))
    normal.values[:, LOSS] += 30 / np.sqrt(normal.values[:, LENGTH])
    form = fitted_on(normal)._fitted.views[1]
    size = len(FEATURES) + LENGTH
    assert bool(form[LENGTH]) == bool(form[size]) == is_read
    assert form[LOSS] < 0  # ease counts anyway


@pytest.mark.parametrize("column", [LENGTH, PIECES])
def test_a_text_of_another_length_than_all_normal_ones_is_not_endlessly_strange(column):
    normal = prose(120, seed=1, spread=2)
    normal.values[:, column] = 5
    rows = usual(normal, 2)
    rows[1, column] = 9
    usual_score, score = fitted_on(normal).scores(FeatureTable(rows, FEATURES))
    assert score == pytest.approx(usual_score, abs=0.01)


def test_where_losses_lie_close_together_they_tell_by_themselves_and_else_with_memory():
    def rises(spread):
        """Return how much a low loss, a high one, one with memory and short pieces add."""
        normal = prose(400, seed=1, spread=spread)
        values = usual(normal, 5)
        values[1, LOSS] -= 4 * spread
        values[2, LOSS] += 4 * spread
        values[3, MEMORY_LOSS] += 4 * spread / 2
        values[4, PIECES] -= 4
        scores = fitted_on(normal).scores(FeatureTable(values.astype(np.float32), FEATURES))
        return scores[1:] - scores[0]

    trusted, doubtful = rises(0.3), rises(2)
    assert trusted[0] > 1.1 * doubtful[0] > 0  # a low loss is a part of form anyway
    assert trusted[1] > 0.1 > doubtful[1]
    assert doubtful[2] > 0.1 > trusted[2]
    assert doubtful[3] > 0.1 > trusted[3]


def test_a_loss_is_strange_for_the_length_of_the_text():
    """Short texts have high losses here, and long ones low ones."""
    normal = prose(400, seed=1, spread=2)
    values = normal.values.copy()
    values[:, LENGTH] = np.random.default_rng(5).uniform(5, 100, len(values))
    values[:, MEMORY_LOSS] += 30 / np.sqrt(values[:, LENGTH])
    head = fitted_on(FeatureTable(values, FEATURES))
    rows = usual(FeatureTable(values, FEATURES), 4)
    for row, (length, of_length) in zip(rows, [(8, 8), (90, 90), (90, 8), (8, 90)], strict=True):
        row[LENGTH] = length
        row[MEMORY_LOSS] = 1.5 + 30 / np.sqrt(of_length)
    short, long, long_with_high, short_with_low = head.scores(
        FeatureTable(rows.astype(np.float32), FEATURES)
    )
    assert abs(short - long) < 0.1 * (long_with_high - long)
    assert short_with_low < short


def own_views(head, rows):
    return _views(head._fitted, _centred(head._fitted, rows))


@pytest.mark.parametrize("tail", [1, 3])
def test_one_normal_text_in_twenty_lies_above_1645_by_every_view(tail):
    """However heavy the tails of what normal texts differ by are."""
    normal = prose(400, seed=1)
    centre = np.median(normal.values, axis=0)
    away = normal.values - centre
    values = centre + np.sign(away) * np.abs(away) ** tail
    values[:, LOSS] = normal.values[:, LOSS]  # how far losses spread decides what they count for
    normal = FeatureTable(values.astype(np.float32), FEATURES)
    views = own_views(fitted_on(normal), normal)
    np.testing.assert_allclose(np.quantile(views, 0.95, axis=0), 1.645, atol=0.01)
    np.testing.assert_allclose(views.mean(0), 0, atol=1e-6)


def test_few_odd_texts_among_equal_ones_count_for_half_their_spread():
    """One in fifty: 95 % of the texts lie below the mean, which says nothing of a tail."""
    normal = prose(400, seed=1)
    values = usual(normal, 400)
    values[::50] = normal.values[::50]
    normal = FeatureTable(values.astype(np.float32), FEATURES)
    topic, form, *_ = own_views(fitted_on(normal), normal).std(0)
    assert topic == pytest.approx(2)
    assert form == pytest.approx(2)


def test_what_is_twice_as_strange_counts_for_more_than_twice_as_much(heads):
    """Views enter by their tail probability; by themselves they would grow in proportion."""
    novelty = [i for i, f in enumerate(FEATURES) if f.part.startswith("novelty_")]
    values = np.tile(np.asarray(heads["auto"]._fitted.scale.centre, np.float32), (3, 1))
    for row, size in enumerate((0, 2, 4)):
        values[row, novelty] += size * heads["auto"]._fitted.scale.spread[novelty]
    usual, strange, stranger = heads["auto"].scores(FeatureTable(values, FEATURES))
    assert strange > usual
    assert stranger - usual > 2.2 * (strange - usual)


def test_a_text_strange_in_one_view_stands_before_one_a_little_odd_in_both():
    head = fitted("auto")
    both = np.asarray([[4.0, 0.0, 0.0, 0.0], [2.0, 2.0, 0.0, 0.0]])
    # Of a standard normal, by table.
    surprise = -np.log([[3.17e-5, 0.5, 0.5, 0.5], [0.02275, 0.02275, 0.5, 0.5]])
    expected = np.sqrt((surprise**2 * head._fitted.shares).sum(1))
    scores = _combined(head._fitted, both)
    np.testing.assert_allclose(scores, expected, rtol=1e-3)
    is_topic = head._fitted.shares[0] > 0.5
    assert (scores[0] > scores[1]) == is_topic  # what counts for little may be drowned
    summed = (surprise * head._fitted.shares).sum(1)
    assert scores[0] / scores[1] > summed[0] / summed[1]  # control: plain sums favour it less


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-3, 5.0])
def test_parts_of_the_default_score_add_up_near_and_far_from_the_mean(heads, size):
    head = heads["auto"]
    means = head._fitted.means[: len(FEATURES)]
    values = head._fitted.scale.centre + head._fitted.scale.spread * (means + size)
    rows = FeatureTable(values[None].astype(np.float32), FEATURES)
    head.explain(rows).check_adds_up(head.scores(rows))
    if size == 5.0:
        assert head.scores(rows)[0] > 2 * np.log(2)


def test_views_that_an_earlier_version_saved_are_summed_as_they_were(heads, tmp_path):
    heads["auto"].save(tmp_path)
    path = tmp_path / "auto.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    for new in ("power", "n_topic", "n_text"):
        del stored[new]
    path.write_text(json.dumps(stored), encoding="utf-8")
    old = HEADS["auto"].load(tmp_path, FEATURES)
    rows = table(20, seed=3, shifted=True)
    old.explain(rows).check_adds_up(old.scores(rows))
    assert (old.scores(rows) < heads["auto"].scores(rows)).all()  # a mean, not a root mean square


LIKENESS, WORDING = Feature("labelled", "likeness"), Feature("labelled", "wording")


def told_by_likeness(own, *, seed, shift, by=LIKENESS):
    """Return a table of signatures with how like labelled anomalies the texts are."""
    columns = np.random.default_rng(seed).normal(size=(len(own), 2)).astype(np.float32)
    columns[:, (LIKENESS, WORDING).index(by)] += shift
    return FeatureTable.beside([own, FeatureTable(columns, (LIKENESS, WORDING))])


def taught(n_labelled, *, shift=3, by=LIKENESS, name="auto", shifted=False, n_strangers=90):
    """Return a head that was given so many labels, by which `shift` tells the labelled texts."""
    normal = told_by_likeness(table(300, seed=1), seed=11, shift=0)
    strangers = told_by_likeness(table(n_strangers, seed=2, shifted=True), seed=12, shift=0)
    labelled = told_by_likeness(table(12, seed=3, shifted=shifted), seed=13, shift=shift, by=by)
    both = FeatureTable.below([strangers, labelled])
    return new_head(name).fit(shown(normal, both, n_labelled), seed=0)


def separation_of(head, *, shift, by=LIKENESS):
    """Return how well texts that only their likeness tells are told from normal ones."""
    parts = [
        told_by_likeness(table(100, seed=5), seed=15, shift=0),
        told_by_likeness(table(100, seed=6), seed=16, shift=shift, by=by),
    ]
    scores = np.concatenate([head.scores(part) for part in parts])
    return auroc(np.repeat([False, True], 100), scores)


@pytest.mark.parametrize("by", [LIKENESS, WORDING], ids=lambda feature: feature.name)
def test_labels_teach_the_default_detector_what_their_kind_is_like(tmp_path, by):
    head = taught(12, by=by)
    assert separation_of(head, shift=3, by=by) > 0.9
    assert head.choices["labelled"] == "45%"
    assert "tells the labelled anomalies from normal texts counts for 45%" in head.reason
    assert head.choices["columns"] == "0%"
    assert head._fitted.shares.sum() == pytest.approx(1)
    # Control: with the same strangers, none of which is said to be labelled.
    plain = taught(0)
    assert separation_of(plain, shift=3, by=by) < 0.6
    assert "labelled" not in plain.choices
    assert "labelled" not in plain.reason
    # What is strange in another way stays so.
    normal, strange = (
        told_by_likeness(own, seed=17, shift=0)
        for own in (table(100, seed=5), table(100, seed=7, shifted=True))
    )
    scores = np.concatenate([head.scores(normal), head.scores(strange)])
    assert auroc(np.repeat([False, True], 100), scores) > 0.95
    head.explain(strange).check_adds_up(head.scores(strange))
    head.save(tmp_path)
    again = HEADS["auto"].load(tmp_path, head._fitted.features)
    np.testing.assert_array_equal(again.scores(strange), head.scores(strange))
    assert again.choices == head.choices
    assert again.reason == head.reason


def test_the_more_different_labels_the_more_they_count():
    normal, labelled = (
        told_by_likeness(table(n, seed=seed), seed=seed, shift=shift)
        for n, seed, shift in ((300, 1, 0), (100, 3, 3))
    )

    held_out = told_by_likeness(table(90, seed=2, shifted=True), seed=2, shift=0)

    def share(rows):
        own = TrainingSignatures(normal, held_out, labelled.rows(np.asarray(rows)))
        head = new_head("auto").fit(own, seed=0)
        return head.choices["labelled"]

    assert [share(range(n)) for n in (3, 20, 100)] == ["35%", "50%", "63%"]
    assert share([0, 1, 2] * 30) == "35%"  # what is said again says nothing more


def test_labels_have_no_say_in_how_well_similarity_tells_held_out_texts():
    normal, *strangers = (
        told_by_likeness(table(n, seed=seed, shifted=shifted), seed=seed, shift=shift)
        for n, seed, shifted, shift in ((300, 1, False, 0), (90, 2, True, 0), (60, 3, False, 3))
    )
    few, plain = (
        new_head("auto").fit(TrainingSignatures(normal, *own), seed=0)._fitted
        for own in (strangers, strangers[:1])
    )
    assert few.n_labelled == 1
    assert few.similarity_auroc == plain.similarity_auroc
    assert few.far_share == plain.far_share
    np.testing.assert_allclose(few.shares[:-1] / (1 - few.shares[-1]), plain.shares)


def test_labels_also_say_which_view_shows_their_kind():
    """Labelled texts that are shifted in every view, and not by their likeness."""
    head, plain = taught(12, shift=0, shifted=True), taught(0, shift=0, shifted=True)
    assert head._fitted.n_labelled == 1
    of_likeness = np.abs(head._fitted.views[-1][head._fitted.features.index(LIKENESS)])
    assert of_likeness < 0.2 * np.abs(head._fitted.views[-1]).max()
    strange = told_by_likeness(table(50, seed=8, shifted=True), seed=18, shift=0)
    assert (head.scores(strange) > plain.scores(strange)).mean() > 0.9


def test_boosted_trees_weigh_a_few_labels_as_much_as_many_other_strangers():
    few, plain = (taught(n, name="lightgbm", n_strangers=900) for n in (12, 0))
    like, usual, strange = (
        told_by_likeness(own, seed=seed, shift=shift)
        for own, seed, shift in (
            (table(100, seed=6), 16, 3),
            (table(100, seed=5), 15, 0),
            (table(100, seed=7, shifted=True), 17, 0),
        )
    )

    def lead(head, rows):
        """Return by how much the log-odds of rows are above those of usual ones."""
        return head.scores(rows).mean() - head.scores(usual).mean()

    assert lead(few, like) > 1.5 * lead(plain, like)
    assert lead(few, strange) > 0.8 * lead(plain, strange)  # which no label is like


def test_labels_that_nothing_tells_from_normal_texts_get_no_view():
    """What points the other way is chance, and must not make a text seem usual."""
    unlike = taught(12, shift=-3)
    assert unlike._fitted.views[-1][unlike._fitted.features.index(LIKENESS)] <= 0
    assert separation_of(unlike, shift=-3) < 0.6
    normal, labelled = table(300, seed=1), table(12, seed=3)
    labelled.values[:] = np.median(normal.values, axis=0)  # as usual as can be
    own = [
        told_by_likeness(part, seed=4, shift=shift)
        for part, shift in ((normal, 0), (table(90, seed=2, shifted=True), 0), (labelled, -3))
    ]
    own[2].values[:, -1] = np.median(own[0].values[:, -1])
    head = new_head("auto").fit(TrainingSignatures(*own), seed=0)
    assert head._fitted.n_labelled == 0
    assert head._fitted.shares.sum() == pytest.approx(1)


def test_labels_too_few_to_be_alike_are_strangers_only():
    """Signatures say nothing of likeness then."""
    strangers = table(90, seed=2, shifted=True)
    few = new_head("auto").fit(shown(table(120, seed=1), strangers, 2), seed=0)
    assert "labelled" not in few.choices
    rows = table(20, seed=3)
    np.testing.assert_array_equal(few.scores(rows), fitted("auto").scores(rows))


def told_ways(head):
    """Return how well a head tells texts of the labelled kind, and texts strange in another way."""
    usual, like, strange, wild = (
        told_by_likeness(own, seed=seed, shift=shift)
        for own, seed, shift in (
            (table(100, seed=5), 15, 0),
            (table(100, seed=6), 16, 3),
            (table(100, seed=7, shifted=True), 17, 0),
            (table(100, seed=7, shifted=True), 17, 0),
        )
    )
    wild.values[:] *= 10
    scores = [head.scores(rows) for rows in (usual, like, strange, wild)]
    labels = np.repeat([False, True], 100)
    return [auroc(labels, np.concatenate([scores[0], own])) for own in scores[1:]]


def test_a_classifier_tells_the_labelled_kind_better_and_others_worse_than_the_default(tmp_path):
    head = taught(12, name="classifier")
    (like, strange, wild), (plain_like, plain_strange, _) = map(told_ways, (head, taught(12)))
    assert like > max(plain_like, 0.97)
    assert strange < plain_strange - 0.01
    assert wild > 0.99  # what nobody could take for normal is seen all the same
    assert head.choices["labelled"] == "95%"
    assert head.reason.startswith(
        "what tells the labelled anomalies from normal texts counts for 95%"
    )
    rows = told_by_likeness(table(20, seed=6), seed=16, shift=3)
    head.explain(rows).check_adds_up(head.scores(rows))
    head.save(tmp_path)
    again = HEADS["classifier"].load(tmp_path, head._fitted.features)
    np.testing.assert_array_equal(again.scores(rows), head.scores(rows))
    assert again.reason == head.reason


@pytest.mark.parametrize("n_labelled", [0, 2, 12])
def test_a_classifier_without_labels_that_teach_is_refused(n_labelled):
    strangers = table(90, seed=2, shifted=True)  # which nobody has read for likeness
    with pytest.raises(InputError, match=f"Got {n_labelled} labelled anomalies; .* detector auto"):
        new_head("classifier").fit(shown(table(120, seed=1), strangers, n_labelled), seed=0)


def test_a_head_among_settings_is_printed_by_its_name():
    assert repr(new_head("isolation-forest")) == "IsolationForestHead('isolation-forest')"
