"""The benchmark draws its rows, keeps what it read, scores and adds up as it says."""

import ast
import dataclasses
import json
import subprocess
import sys

import bench_baselines
import bench_cache
import bench_tables
import bench_tasks
import benchmark
import common
import fit_tables
import numpy as np
import pytest
import sources
from bench_tables import Run
from fit_tables import EveryNote, Notes
from work_orders import NORMAL

from polar_detect import PolarDetector
from polar_detect.backbone import hugging_face
from polar_detect.backbone.decoder import Backbone
from polar_detect.detectors import AutoHead, LightGBMHead
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.encoder import Encoder, Encoding
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.token_states import TextTokens, TokenStates
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.signature.reading.traces import Traces

TEXTS = ("fan", "pump", "belt", "motor", "hose")


def task(n_normal=90, n_anomalous=30, **options):
    normal = tuple(f"normal {'x' * (i % 17)}{i}" for i in range(n_normal))
    return common.Task(
        "t", normal, (tuple(f"odd {'y' * (i % 13)}{i}" for i in range(n_anomalous)),), **options
    )


# Rows


@pytest.mark.parametrize("draw", [common.split, common.matched_split])
def test_no_row_is_both_trained_on_and_tested(draw):
    split = draw(task(), seed=1, n_train=50, n_test=20)
    assert len(split.train) == 50
    assert not set(split.train_rows) & set(split.test_rows)
    assert split.test == [task().texts[row] for row in split.test_rows]
    assert split.is_anomalous.tolist() == [text.startswith("odd") for text in split.test]


def test_smaller_test_sets_are_the_first_rows_of_larger_ones():
    small, large = (common.split(task(), seed=3, n_train=40, n_test=n) for n in (10, 20))
    assert small.train == large.train
    for label in (False, True):
        own = [
            [t for t, is_odd in zip(s.test, s.is_anomalous, strict=True) if is_odd == label]
            for s in (small, large)
        ]
        assert own[0] == own[1][:10]


def test_few_normal_texts_keep_a_third_for_the_test():
    split = common.split(task(), seed=0, n_train=600, n_test=300)
    assert (len(split.train), (~split.is_anomalous).sum()) == (60, 30)


def test_held_out_texts_alone_are_tested_where_the_source_has_some():
    split = common.split(task(held_out=("kept a", "kept b")), seed=0, n_train=90, n_test=5)
    inside = [t for t, odd in zip(split.test, split.is_anomalous, strict=True) if not odd]
    assert len(split.train) == 90
    assert sorted(inside) == ["kept a", "kept b"]


@pytest.mark.parametrize("draw", [common.split, common.matched_split])
def test_an_original_whose_sample_is_tested_is_never_trained_on(draw):
    paired = task(30, 30, is_paired=True)
    split = draw(paired, seed=0, n_train=600, n_test=300)
    samples = set(split.test_rows[split.is_anomalous] - 30)
    assert samples
    assert not samples & set(split.train_rows)
    unpaired = common.split(task(30, 30), seed=0, n_train=600, n_test=300)
    loose = set(unpaired.test_rows[unpaired.is_anomalous] - 30)
    assert loose & set(unpaired.train_rows)


def test_matched_rows_come_in_pairs_of_nearly_the_same_length():
    long = task()
    lengths = np.array([len(t) for t in common.matched_split(long, seed=0, n_train=40).test])
    inside, odd = np.split(lengths, 2)
    assert len(odd) >= 10
    assert (np.maximum(inside, odd) <= 1.1 * np.minimum(inside, odd) + 1e-9).all()
    drawn = common.split(long, seed=0, n_train=40)
    loose = [np.median([len(t) for t in part]) for part in (drawn.test[:30], drawn.test[-30:])]
    assert loose[0] > loose[1]  # the control: normal texts are longer without matching


def test_texts_seen_in_training_are_counted_by_class():
    repeated = common.Task("t", ("same",) * 30, (("same", "new"),))
    split = common.split(repeated, seed=0, n_train=10, n_test=2)
    assert split.seen_share(is_anomalous=False) == 1
    assert split.seen_share(is_anomalous=True) == 0.5


# Tasks


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))


def write_sms(data, n_normal=60):
    rows = [{"text": f"see you at {i}", "label": 0} for i in range(n_normal)]
    rows += [{"text": f"WIN a prize of {i} pounds, call now!", "label": 1} for i in range(20)]
    write(data / "tad_bench/smsspam.jsonl", "\n".join(json.dumps(row) for row in rows))


def test_only_a_line_feed_ends_a_sentence(tmp_path):
    write(tmp_path / "sentconv/subj.all", "0 one\x85still one\n1 plot\n0 two\n", "latin-1")
    subj = bench_tasks.load("subj", tmp_path, 0)
    assert subj.normal == ("one\x85still one", "two")
    assert subj.anomalous == (("plot",),)


def test_each_seed_takes_another_large_class_of_questions_out(tmp_path):
    write(tmp_path / "sentconv/TREC.train.all", "".join(f"{c} kind {c}\n" for c in range(6)))
    write(tmp_path / "sentconv/TREC.test.all", "0 more\n")
    out = [bench_tasks.load("trec", tmp_path, seed).anomalous[0][0] for seed in range(5)]
    assert sorted(out) == [f"kind {c}" for c in (0, 1, 3, 4, 5)]


def test_each_seed_takes_one_kind_of_questions_for_normal(tmp_path):
    write(tmp_path / "sentconv/TREC.train.all", "".join(f"{c} kind {c}\n" for c in range(6)))
    write(tmp_path / "sentconv/TREC.test.all", "0 more\n")
    tasks = [bench_tasks.load("trec-one", tmp_path, seed) for seed in range(5)]
    assert [task.normal[0] for task in tasks] == [f"kind {c}" for c in (0, 1, 3, 4, 5)]
    assert all(len(task.anomalous) == 5 for task in tasks)


def test_rare_templates_are_a_tenth_of_the_lines_at_most(tmp_path):
    lines = ["common,one"] * 12 + ["usual,two"] * 6 + ["rare,three"] * 2
    path = tmp_path / "loghub2k/Thunderbird/Thunderbird_2k.log_structured.csv"
    write(path, "\n".join(["EventId,Content", *lines]))
    task = bench_tasks.load("thunderbird-rare", tmp_path, 0)
    assert (set(task.normal), task.anomalous) == ({"one", "two"}, (("three",) * 2,))


def test_machine_text_is_paired_with_its_original(tmp_path):
    stored = {"original": ["a", "b"], "sampled": ["a more", "b more"]}
    write(tmp_path / "fastdetectgpt/xsum_gpt-4.raw_data.json", json.dumps(stored))
    xsum = bench_tasks.load("xsum-gpt4", tmp_path, 0)
    assert xsum.is_paired
    assert (xsum.normal, xsum.anomalous) == (("a", "b"), (("a more", "b more"),))


def test_numbers_stay_beside_their_texts(tmp_path):
    header = "Type,Air temperature [K],Process temperature [K],Rotational speed [rpm],"
    header += "Torque [Nm],Tool wear [min],Machine failure\n"
    rows = "M,298.1,308.6,1551,42.8,0,1\nL,298.2,308.7,1408,46.3,3,0\n"
    write(tmp_path / "ai4i2020/ai4i2020.csv", "\ufeff" + header + rows)
    ai4i = bench_tasks.load("ai4i", tmp_path, 0)
    text = "type L, air 298.2 K, process 308.7 K, 1408 rpm, torque 46.3 Nm, tool wear 3 min"
    assert ai4i.texts[0] == text
    assert ai4i.numbers[:, 3].tolist() == [1408, 1551]


def test_a_missing_data_set_names_the_option(tmp_path):
    with pytest.raises(SystemExit, match=r"expected the data sets there; pass --data FOLDER"):
        bench_tasks.load("sst2", tmp_path, 0)


def test_the_quick_tasks_are_tasks():
    assert len(bench_tasks.QUICK) == 8
    assert set(bench_tasks.QUICK) < set(bench_tasks.names())


def test_fresh_tasks_are_none_of_the_benchmarks():
    assert len(bench_tasks.fresh()) == 17
    assert not set(bench_tasks.fresh()) & set(bench_tasks.names())


# The cache


@pytest.fixture(scope="module")
def tiny(tiny_folder, minilm):
    tracer = Tracer(Backbone.load(tiny_folder), curves="none")
    return tracer, Encoder.load(minilm.folder)


def cached(tiny, folder):
    tracer, encoder = tiny
    return bench_cache.CachedExtractor(tracer, encoder, folder, models=("minilm",))


def assert_same(read, expected):
    """Compare readings bit by bit."""
    assert read.texts == expected.texts
    for one, other in ((read.traces, expected.traces), (read.encoding, expected.encoding)):
        names = [field.name for field in dataclasses.fields(one) if field.name != "tokens"]
        pairs = [(one, other, names)]
        tokens = zip(one.tokens.texts, other.tokens.texts, strict=True)
        pairs += [(*pair, TextTokens._fields) for pair in tokens]
        for left, right, names in pairs:
            for name in names:
                arrays = getattr(left, name), getattr(right, name)
                assert arrays[0].dtype == arrays[1].dtype
                np.testing.assert_array_equal(*arrays, err_msg=name)


def test_what_was_read_once_is_not_computed_again(tiny, tmp_path, monkeypatch):
    first = cached(tiny, tmp_path).read(TEXTS)
    monkeypatch.setattr(Tracer, "trace", None)
    again = cached(tiny, tmp_path)
    second = again.read([*TEXTS[::-1], "fan"])
    assert_same(second, first.rows(np.array([4, 3, 2, 1, 0, 0])))
    with pytest.raises(TypeError):  # the control: a new text does ask the models
        again.read(["valve"])


def test_the_cache_returns_what_the_models_return(tiny, tmp_path):
    texts = (*TEXTS, "", "a longer text about the belt of a pump")
    expected = Extractor(*tiny).read(texts)
    assert_same(cached(tiny, tmp_path).read(texts), expected)
    assert_same(cached(tiny, tmp_path).read(texts), expected)
    np.testing.assert_array_equal(cached(tiny, tmp_path).embed(texts), expected.embeddings)


def test_a_full_store_reads_without_keeping(tmp_path, capsys):
    store = bench_cache.Store(tmp_path / "a.sqlite", max_bytes=1)
    rows = [{"x": np.arange(3)}, {"x": np.arange(2)}]
    asked = []

    def compute(places):
        asked.extend(places)
        return [rows[i] for i in places]

    for _ in range(2):
        found = store.rows(["a", "b"], compute)
        assert [row["x"].tolist() for row in found] == [[0, 1, 2], [0, 1]]
    assert asked == [0, 1, 0, 1]
    assert capsys.readouterr().err.count("delete stores there") == 1


def test_another_setting_has_a_store_of_its_own(tiny, tmp_path):
    tracer, encoder = tiny
    cached(tiny, tmp_path).read(TEXTS[:1])
    short = Tracer(tracer.backbone, max_tokens=2, curves="none")
    other = bench_cache.CachedExtractor(short, encoder, tmp_path, models=("minilm",))
    assert other.read(["a long text about a pump"]).traces.n_tokens == 2
    assert len(list(tmp_path.glob("*.sqlite"))) == 2


def test_another_processor_or_model_has_a_store_of_its_own(tiny, tmp_path, monkeypatch):
    cached(tiny, tmp_path)
    bench_cache.CachedExtractor(*tiny, tmp_path, models=("the same name, other weights",))
    monkeypatch.setattr(common, "arithmetic", lambda: "another processor, torch 0")
    cached(tiny, tmp_path)
    assert len(list(tmp_path.glob("*.sqlite"))) == 3


@pytest.mark.slow
def test_a_store_is_named_by_every_source_that_reading_imports():
    reading = sorted({Tracer.__module__, Encoder.__module__, hugging_face.__name__})
    code = "import sys, {}; print(*(n for n in sys.modules if n.startswith('polar_detect.')))"
    command = [sys.executable, "-c", code.format(", ".join(reading))]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {sources.PATHS[name.removeprefix("polar_detect.")] for name in ran.stdout.split()}
    assert set(bench_cache.SOURCES) == imported
    assert sources.PATHS["detector"] not in imported


def test_no_source_of_a_store_is_imported_in_a_function_out_of_sight():
    found = {
        name
        for name, path in sources.PATHS.items()
        if path in bench_cache.SOURCES
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("polar_detect")
    }
    # The latter fetches and converts models before they are read; what the former imports is there.
    assert found == {"backbone.loading", "models.names"}
    assert sources.PATHS["backbone.hugging_face"] in bench_cache.SOURCES


def test_another_source_has_a_store_of_its_own(tiny, tmp_path, monkeypatch):
    cached(tiny, tmp_path).read(TEXTS[:1])
    changed = tmp_path / "changed.py"
    for source in bench_cache.SOURCES:
        changed.write_text(source.read_text() + "# changed")
        others = [changed if path == source else path for path in bench_cache.SOURCES]
        with monkeypatch.context() as patch:
            patch.setattr(bench_cache, "SOURCES", others)
            cached(tiny, tmp_path)
    assert len(list(tmp_path.glob("*.sqlite"))) == 1 + len(bench_cache.SOURCES)


# Methods


def readings(texts, shift, seed):
    """Return readings of which `shift` is all that tells one set from another."""
    rng = np.random.default_rng(seed)
    n, none = len(texts), np.zeros((len(texts), 0), np.float32)
    embeddings = rng.normal(size=(n, 6)) + np.array([6, shift, 0, 0, 0, 0])
    trajectory = rng.normal(size=(n, 4, 5)).cumsum(1) + shift * np.arange(4)[:, None]
    whole = [rng.normal(size=n).astype(np.float32) + shift for _ in range(6)]
    trajectory, tokens = trajectory.astype(np.float32), no_tokens(n)
    traces = Traces(*whole, none, none, none, trajectory, tokens)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    encoding = Encoding(embeddings.astype(np.float32), trajectory, tokens)
    return Readings(tuple(texts), traces, encoding)


def no_tokens(n_texts):
    nothing = np.zeros((2, 0, 5), np.float16), np.zeros(0, np.int64), np.zeros(0, np.float32)
    return TokenStates((TextTokens(*nothing),) * n_texts)


def sample(shift, numbers=None):
    own = task(160, 60, numbers=numbers)
    split = common.split(own, seed=0, n_train=100, n_test=40)

    return bench_baselines.Sample(own, split, 0, Drawn(shift))


class Drawn:
    """Stands for the models: draws what they would read."""

    def __init__(self, shift):
        self.shift = shift

    def read(self, texts):
        odd = np.array([t.startswith("odd") for t in texts])
        inside = readings(texts, 0.0, len(texts))
        if not odd.any():
            return inside
        strange = readings(texts, self.shift, len(texts) + 1)
        parts = [inside.rows(np.flatnonzero(~odd)), strange.rows(np.flatnonzero(odd))]
        return Readings.below(parts)

    def embed(self, texts):
        return self.read(texts).embeddings


def figures(family, shift, numbers=None):
    drawn = sample(shift, numbers)
    scores = bench_baselines.FAMILIES[family](drawn)
    return {name: auroc(drawn.split.is_anomalous, own) for name, own in scores.items()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # PyOD's and numba's own
def test_detectors_on_embeddings_see_a_shift_and_nothing_without_one():
    pytest.importorskip("pyod")
    shifted, same = figures("embeddings", 6.0), figures("embeddings", 0.0)
    assert len(shifted) == 6
    # PyOD's ECOD ranks test texts among training and test texts together, so that many
    # anomalous ones hide one another.
    assert shifted.pop("MiniLM + ECOD") > 0.55
    assert min(shifted.values()) > 0.8
    assert max(abs(value - 0.5) for value in same.values()) < 0.2


def test_layers_see_a_shift_and_nothing_without_one():
    shifted, same = figures("layers", 3.0), figures("layers", 0.0)
    assert min(shifted.values()) > 0.8
    bound = same.pop(bench_baselines.HINDSIGHT)
    assert bound >= same["SmolLM2 last layer"]
    assert max(abs(value - 0.5) for value in same.values()) < 0.2


def test_a_low_loss_counts_for_the_low_tail_and_for_both():
    low = figures("loss", -4.0)
    assert low["loss, low"] == pytest.approx(1 - low["loss, high"])
    assert low["loss, low"] > 0.95
    assert low["loss, both tails"] > 0.95


def test_a_number_by_itself_is_strange_above_below_and_on_both_sides_of_the_median():
    found = bench_baselines.tails("x", np.asarray([1.0, 2.0, 30.0]), np.asarray([0.0, 2.0, 5.0]))
    assert {name: scores.tolist() for name, scores in found.items()} == {
        "x, high": [0, 2, 5],
        "x, low": [0, -2, -5],
        "x, both tails": [2, 0, 3],
    }


def test_neighbours_are_the_five_training_texts_of_the_smallest_angle():
    angles = np.asarray([0.0, 0.1, 0.2, 0.3, 0.4, 1.5, 1.5])
    train = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    near = 1 - np.cos(angles[:5]).mean()
    far = 1 - np.sort(np.cos(angles - 1.5))[-5:].mean()
    scores = bench_baselines.neighbours(train, train[[0, 6]])
    np.testing.assert_allclose(scores, [near, far], atol=1e-6)


def test_words_see_rare_words():
    common_words = tuple(f"{a} {b}" for a in TEXTS for b in TEXTS) * 6
    own = common.Task("t", (*common_words, *["alarm siren"] * 3), (("alarm siren",) * 20,))
    drawn = bench_baselines.Sample(own, common.split(own, seed=0, n_train=100, n_test=20), 0, None)
    (scores,) = bench_baselines.FAMILIES["words"](drawn).values()
    assert auroc(drawn.split.is_anomalous, scores) > 0.9


@pytest.mark.slow
def test_columns_are_scored_with_labels_that_are_not_tested():
    rng = np.random.default_rng(0)
    numbers = np.concatenate([rng.normal(size=(160, 3)), rng.normal(size=(60, 3)) + 2])
    found = figures("columns", 0.0, numbers)
    assert len(found) == 3
    assert min(found.values()) > 0.85
    assert figures("columns", 0.0) == {}
    labels_alone = figures("columns", 0.0, rng.normal(size=(220, 3)))
    assert max(labels_alone.values()) < 0.7  # test labels do not reach the classifiers
    drawn = sample(0.0, numbers)
    every = bench_baselines.Sample(
        drawn.task, common.split(drawn.task, seed=0, n_train=100, n_test=60), 0, None
    )
    assert list(bench_baselines.FAMILIES["columns"](every)) == ["columns + isolation forest"]


@pytest.mark.slow
def test_the_default_detector_is_fitted_on_the_training_texts_alone(tiny_folder, minilm):  # noqa: ARG001
    found, split = default_scores(Engine.load(str(tiny_folder)))
    again = PolarDetector(model=str(tiny_folder), seed=7).fit(split.train)
    np.testing.assert_allclose(found, -again.score_samples(split.test), rtol=1e-5)


@pytest.mark.slow
def test_the_default_detector_reads_through_the_cache(tiny_folder, minilm, tmp_path, monkeypatch):  # noqa: ARG001
    engine = Engine.load(str(tiny_folder))
    own = engine.extractor.tracer, engine.extractor.encoder
    through = dataclasses.replace(engine, extractor=cached(own, tmp_path))
    plain, _ = default_scores(engine)
    first, _ = default_scores(through)
    np.testing.assert_array_equal(first, plain)
    monkeypatch.setattr(Tracer, "trace", None)
    again, _ = default_scores(through)
    np.testing.assert_array_equal(again, plain)
    with pytest.raises(TypeError):  # the control: without the cache the models are asked
        default_scores(engine)


def default_scores(engine, folder=None, *, seed=7):
    own = common.Task("t", tuple(NORMAL), (TEXTS,))
    split = common.split(own, seed=0, n_train=60, n_test=5)
    made = fit_tables.signatures(split, engine, seed=seed, notes=Notes(), folder=folder)
    return made.scores(AutoHead(), seed=7), split


@pytest.mark.slow
def test_signatures_are_made_once_for_all_detectors(tiny_folder, minilm, tmp_path, monkeypatch):  # noqa: ARG001
    engine = Engine.load(str(tiny_folder))
    first, _ = default_scores(engine, tmp_path)
    monkeypatch.setattr(Tracer, "trace", None)
    again, _ = default_scores(engine, tmp_path)
    np.testing.assert_array_equal(again, first)
    with pytest.raises(TypeError):  # the control: with another seed the models are asked
        default_scores(engine, tmp_path, seed=8)


def test_signatures_of_other_models_lengths_wants_or_processors_are_others(
    tiny_folder,
    minilm,  # noqa: ARG001
    monkeypatch,
):
    split = common.split(task(), seed=0, n_train=50, n_test=20)
    engine = Engine.load(str(tiny_folder))
    other = dataclasses.replace(engine.model, sha256="other")
    names = {
        fit_tables._name(split, own, 7, notes, labelled)
        for own, notes, labelled in (
            (engine, Notes(), ()),
            (engine, EveryNote(), ()),
            (engine, Notes(), ("odd",)),
            (dataclasses.replace(engine, model=other), Notes(), ()),
            (engine.reading(max_tokens=9, curves="none", wants_context=False), Notes(), ()),
        )
    }
    assert fit_tables._name(split, engine, 7, Notes(), ()) in names
    monkeypatch.setattr(common, "arithmetic", lambda: "another processor")
    names.add(fit_tables._name(split, engine, 7, Notes(), ()))
    assert len(names) == 6


@pytest.mark.slow
def test_a_detector_on_programs_is_shown_what_a_fit_shows_it(tiny_folder, minilm, monkeypatch):  # noqa: ARG001
    own = common.Task("t", tuple(NORMAL), (TEXTS,))
    split = common.split(own, seed=0, n_train=60, n_test=5)
    engine = Engine.load(str(tiny_folder))
    monkeypatch.setattr(EveryNote, "needs_corruptions", LightGBMHead.needs_corruptions)
    made = fit_tables.signatures(split, engine, seed=7, notes=EveryNote())
    found = made.scores(LightGBMHead(), seed=7)
    trees = PolarDetector("lightgbm", model=str(tiny_folder), seed=7).fit(split.train)
    np.testing.assert_allclose(found, -trees.score_samples(split.test), rtol=1e-5)


# Tables


def run(task, method, value, seed=0):
    return Run(task, seed, method, 10, 5, 5, 0.25, 0.0, value, value / 2, 0.5)


def test_the_best_single_baseline_runs_everywhere_and_reads_no_labels():
    knn, bound = bench_baselines.KNN, bench_baselines.HINDSIGHT
    runs = [run(t, m, v) for t in "ab" for m, v in ((knn, 0.7), (bound, 0.99), ("new", 0.8))]
    runs += [run("a", "columns", 0.95)]
    table = bench_tables.means_over_seeds(runs)
    assert bench_tables.best_single(table, "new") == knn
    report = bench_tables.report(runs, default="new")
    gain = "new − MiniLM + kNN (best single baseline in hindsight): 0.100 (0.100 to 0.100)"
    assert gain in report
    assert "at least as good as MiniLM + kNN: 100% of tasks" in report
    assert "| a | 10 / 5 + 5 | 25.0% | 0.0% |" in report


def test_seeds_are_averaged_before_tasks():
    runs = [run("a", "m", 0.5, seed=0), run("a", "m", 0.7, seed=1), run("b", "m", 0.8)]
    assert bench_tables.means_over_seeds(runs)["a"]["m"] == pytest.approx(0.6)
    assert "| m | 0.700 (0.600 to 0.800) |" in bench_tables.report(runs, default="new")


def test_matched_rows_have_a_table_of_their_own():
    runs = [run("sms", "m", 0.9), run("sms-matched", "m", 0.6)]
    plain, matched = bench_tables.report(runs, default="m").split("### Length-matched rows")
    assert "| m | 0.900 (0.900 to 0.900) |" in plain
    assert "| m | 0.600 (0.600 to 0.600) |" in matched


def test_intervals_over_tasks_widen_with_the_spread():
    narrow, wide = bench_tables.Mean.of([0.7, 0.7, 0.7]), bench_tables.Mean.of([0.5, 0.7, 0.9])
    assert narrow.low == pytest.approx(narrow.high)
    assert wide.low < 0.6
    assert wide.high > 0.8


def test_sources_that_are_drawn_whole_widen_the_interval_where_their_tasks_agree():
    values, groups = [0.9, 0.9, 0.9, 0.5], ["a", "a", "a", "b"]
    alone, whole = bench_tables.Mean.of(values), bench_tables.Mean.of(values, groups=groups)
    assert whole.value == alone.value == pytest.approx(0.8)
    assert (whole.low, whole.high) == pytest.approx((0.5, 0.9))
    assert alone.low > 0.55
    assert bench_tables.Mean.of(values, groups="abcd") == alone  # the control


def test_differences_to_the_best_baseline_and_to_neighbours_stand_with_both_intervals():
    figures = {"bgl": (0.9, 0.8, 0.6), "bgl-fatal": (0.9, 0.8, 0.6), "sms": (0.8, 0.75, 0.7)}
    methods = ("new", "other", bench_baselines.KNN)
    runs = [run(t, *pair) for t, own in figures.items() for pair in zip(methods, own, strict=True)]
    report = bench_tables.report(runs, default="new")
    assert "new − other (best single baseline in hindsight): 0.083 (0.050 to 0.100); 2 so" in report
    assert (
        "new − MiniLM + kNN: 0.233 (0.100 to 0.300); 2 sources drawn in place of tasks: "
        "0.100 to 0.300" in report
    )


def test_means_over_tasks_are_of_three_figures():
    report = bench_tables.report([run("a", "m", 0.6), run("b", "m", 0.8)], default="new")
    assert "| method, mean over 2 tasks | AUROC | AUPR | FPR95 |" in report
    assert "| m | 0.700 (0.600 to 0.800) | 0.350 | 0.500 |" in report


# The script


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    write_sms(tmp_path / "data")
    bench_tasks.load.cache_clear()

    def run_script(*options):
        own = ["--data", "data", "--out", "out.jsonl", "--tasks", "sms", "--seeds", "2"]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["benchmark.py", *own, *options])
        benchmark.main()
        return capsys.readouterr()

    return run_script


@pytest.mark.slow
def test_results_are_stored_and_not_computed_again(call, tmp_path):
    first = call("--methods", "length,words")
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert "4 units, 0 of them stored" in first.err
    assert len(lines) == 4
    second = call("--methods", "length,words", "--json", "all.json")
    assert "4 units, 4 of them stored" in second.err
    assert second.out == first.out
    assert (tmp_path / "out.jsonl").read_text().splitlines() == lines
    runs = json.loads((tmp_path / "all.json").read_text())["runs"]
    assert {run["method"] for run in runs} >= {"length, high", "TF-IDF + isolation forest"}
    assert {"auroc", "aupr", "fpr95"} <= set(runs[0])


def test_an_interrupted_run_goes_on_where_it_stopped(call, tmp_path):
    whole = call("--methods", "length")
    out = tmp_path / "out.jsonl"
    text = out.read_text()
    out.write_text(text[: len(text) * 3 // 4])  # in the middle of the second line
    again = call("--methods", "length")
    assert "2 units, 1 of them stored" in again.err
    assert again.out == whole.out
    assert "2 units, 2 of them stored" in call("--methods", "length").err


def test_results_of_other_sources_are_computed_again(call, monkeypatch):
    call("--methods", "length")
    monkeypatch.setattr(benchmark, "_fingerprint", lambda _: "other")
    assert "2 units, 0 of them stored" in call("--methods", "length").err


def test_results_of_another_processor_are_computed_again_and_left_out(call, monkeypatch, tmp_path):
    call("--methods", "length")
    monkeypatch.setattr(common, "arithmetic", lambda: "another processor")
    assert "2 units, 0 of them stored" in call("--methods", "length", "--json", "all.json").err
    runs = json.loads((tmp_path / "all.json").read_text())["runs"]
    assert len(runs) == 2 * 3  # of two seeds and three methods, each once


def test_the_code_that_makes_signatures_is_among_the_sources_of_the_default(monkeypatch):
    read = []
    monkeypatch.setattr(benchmark.sources, "digest", read.append)
    for family in (benchmark.POLAR, "length"):
        benchmark._fingerprint(family)
    names = [{path.name for path in own} for own in read]
    assert {"fit_tables.py", "bench_tasks.py", "benchmark.py"} <= names[0]
    assert "bench_baselines.py" in names[1]


def test_unknown_tasks_and_methods_are_named(call, capsys):
    for option in ("--tasks", "--methods"):
        with pytest.raises(SystemExit):
            call(option, "nothing")
        assert "Got 'nothing'; expected some of" in capsys.readouterr().err
