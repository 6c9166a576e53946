import json
import sys
import zipfile

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from test_detectors import FEATURES, table
from work_orders import NEW, NORMAL, STRANGE

pytest.importorskip("pyod")

from polar_detect import PolarDetector, SignatureOutlierDetector
from polar_detect.detectors import PyODHead, TrainingSignatures, new_head
from polar_detect.errors import ArtifactError, InputError, OutputError
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.metrics import auroc

KINDS = ("ECOD", "KNN", "LOF", "PCA", "GMM")
each_kind = pytest.mark.parametrize("kind", KINDS)
FIFTY = TrainingSignatures(table(50, seed=1), table(5, seed=2))


@pytest.fixture(scope="module")
def heads():
    shown = TrainingSignatures(table(120, seed=1), table(9, seed=2, shifted=True))
    return {kind: new_head(f"pyod:{kind}").fit(shown, seed=0) for kind in KINDS}


def one_by_one(rows):
    return [rows.rows([i]) for i in range(len(rows))]


@each_kind
def test_a_pyod_detector_tells_strangers_from_normal_texts(heads, kind):
    rows = FeatureTable.below([table(40, seed=3), table(40, seed=4, shifted=True)])
    assert auroc(np.repeat([0, 1], 40), heads[kind].scores(rows)) > 0.95
    # Control: strangers that are not shifted cannot be told apart.
    rows = FeatureTable.below([table(40, seed=3), table(40, seed=4)])
    assert 0.3 < auroc(np.repeat([0, 1], 40), heads[kind].scores(rows)) < 0.7


@pytest.mark.slow
@each_kind
def test_shapley_values_add_up_to_the_scores(heads, kind):
    rows = table(2 if kind != "ECOD" else 1, seed=5, shifted=True)
    attribution = heads[kind].explain(rows)
    attribution.check_adds_up(heads[kind].scores(rows))
    assert attribution.features == FEATURES
    assert np.abs(attribution.values.sum(1)).min() > 1e-3  # control


@each_kind
def test_the_company_of_a_text_does_not_change_its_score(heads, kind):
    rows = table(6, seed=7, shifted=True)
    together = heads[kind].scores(rows)
    alone = [heads[kind].scores(row) for row in one_by_one(rows)]
    np.testing.assert_array_equal(np.concatenate(alone), together)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["KNN", "GMM"])
def test_the_company_of_a_text_does_not_change_its_shapley_values(heads, kind):
    rows = table(2, seed=7, shifted=True)
    together = heads[kind].explain(rows).values
    alone = [heads[kind].explain(row).values for row in one_by_one(rows)]
    np.testing.assert_array_equal(np.vstack(alone), together)
    assert (together[0] != together[1]).any()  # control


@pytest.mark.slow
def test_explaining_leaves_the_global_random_state_as_it_was():
    few = tuple(Feature(part, "mean") for part in ("loss", "distance", "neighbours"))
    drawn = np.random.default_rng(0).normal(size=(41, len(few))).astype(np.float32)
    normal, row = (FeatureTable(part, few) for part in (drawn[:40], drawn[40:]))
    head = new_head("pyod:KNN").fit(TrainingSignatures(normal, normal), seed=0)
    np.random.seed(5)  # noqa: NPY002 - the state that shap uses
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    head.explain(row)
    np.testing.assert_array_equal(np.random.random(3), expected)  # noqa: NPY002


@pytest.mark.parametrize("is_collinear", [False, True])
def test_pca_sees_no_direction_in_which_normal_texts_do_not_differ(is_collinear):
    normal = table(120 if is_collinear else 20, seed=1)
    mean, spread = (FEATURES.index(Feature("loss", part)) for part in ("mean", "spread"))
    if is_collinear:
        normal.values[:, spread] = normal.values[:, mean]
    head = new_head("pyod:PCA").fit(TrainingSignatures(normal, table(5, seed=2)), seed=0)
    rows = FeatureTable.below([table(40, seed=3), table(40, seed=4, shifted=True)])
    scores = head.scores(rows)
    assert scores.max() < 1e6
    if is_collinear:
        assert auroc(np.repeat([0, 1], 40), scores) > 0.9


# PyOD's COF calls what SciPy 1.18 deprecates.
@pytest.mark.filterwarnings("ignore:.* as of SciPy 1.18.0:DeprecationWarning")
@pytest.mark.parametrize(("kind", "n_texts"), [("SOD", 20), ("COF", 60)])
def test_a_detector_that_cannot_score_a_text_alone_is_refused(kind, n_texts):
    with pytest.raises(InputError, match=f"Got pyod:{kind}, which fails on {n_texts} normal texts"):
        new_head(f"pyod:{kind}").fit(
            TrainingSignatures(table(n_texts, seed=1), table(5, seed=2)), seed=0
        )


def of_distance(change):
    """Return a detector of PyOD's whose scores of new texts are changed."""
    from pyod.models.knn import KNN

    class Changed(KNN):
        def decision_function(self, X):
            return change(super().decision_function(X))

    return PyODHead(Changed(n_neighbors=1))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda scores: scores * np.nan, "no score for a text alone"),
        (lambda scores: scores + np.inf, "no score for a text alone"),
        (lambda scores: scores + np.random.random(), "another score for a text each time"),  # noqa: NPY002
        (lambda scores: scores * 0, "the same score for every text alone"),
    ],
)
def test_a_detector_whose_scores_of_a_text_alone_say_nothing_is_refused(change, reason):
    with pytest.raises(InputError, match=rf"which fails on 40 normal texts \(it has {reason}\)"):
        of_distance(change).fit(TrainingSignatures(table(40, seed=1), table(5, seed=2)), seed=0)
    # Control: a single normal text many times over has one score.
    same = table(1, seed=1).rows([0] * 40)
    of_distance(np.abs).fit(TrainingSignatures(same, table(5, seed=2)), seed=0)


def test_a_detector_that_has_no_score_for_some_texts_says_for_how_many():
    normal = table(40, seed=1)
    head = of_distance(lambda scores: np.where(scores > 0, scores, np.nan))
    head.fit(TrainingSignatures(normal, table(5, seed=2)), seed=0)
    assert np.isfinite(head.scores(table(5, seed=3))).all()
    mixed = FeatureTable.below([table(5, seed=3), normal.rows([0, 1])])
    with pytest.raises(InputError, match="Got pyod:Changed, which has no score for 2 of 7 texts"):
        head.scores(mixed)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("LSCP", "argument: 'detector_list'"),
        ("SUOD", "No module named 'combo'"),
        ("DeepSVDD", "argument: 'n_features'"),
    ],
)
def test_a_detector_that_needs_settings_or_packages_is_refused(kind, reason):
    with pytest.raises(InputError, match=rf"Got detector 'pyod:{kind}', which .*{reason}"):
        new_head(f"pyod:{kind}")


@each_kind
def test_a_saved_head_scores_identically_when_loaded_without_pickle(heads, kind, tmp_path):
    heads[kind].save(tmp_path)
    loaded, rows = PyODHead.load(tmp_path, FEATURES), table(20, seed=8, shifted=True)
    np.testing.assert_array_equal(loaded.scores(rows), heads[kind].scores(rows))
    assert loaded.name == f"pyod:{kind}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".skops", ".json"}


def test_a_head_of_other_types_is_neither_saved_nor_loaded(heads, tmp_path):
    import skops.io
    from pyod.models.knn import KNN

    class Foreign(KNN):
        pass

    strange = PyODHead(Foreign()).fit(FIFTY, seed=0)
    with pytest.raises(OutputError, match="cannot be stored without pickle"):
        strange.save(tmp_path)
    heads["KNN"].save(tmp_path)
    with pytest.raises(ArtifactError, match=r"features\.json' with contents that do not fit"):
        PyODHead.load(tmp_path, FEATURES[:-1])
    (tmp_path / "features.json").write_text(json.dumps([f.name for f in FEATURES[:-1]]))
    with pytest.raises(ArtifactError, match=r"pyod\.skops' .*\(other features than it is asked"):
        PyODHead.load(tmp_path, FEATURES[:-1])
    heads["KNN"].save(tmp_path)
    skops.io.dump({"detector": Foreign()}, tmp_path / "pyod.skops")
    with pytest.raises(ArtifactError, match="cannot be read safely"):
        PyODHead.load(tmp_path, FEATURES)
    (tmp_path / "pyod.skops").write_text("not a model")
    with pytest.raises(ArtifactError, match="cannot be read safely"):
        PyODHead.load(tmp_path, FEATURES)


def test_a_head_with_parts_of_torch_is_refused_in_a_sentence_when_it_is_saved(tmp_path):
    import torch
    from pyod.models.knn import KNN

    head = PyODHead(KNN()).fit(FIFTY, seed=0)
    head._detector.net = torch.nn.Linear(1, 1)
    with pytest.raises(OutputError, match="cannot be stored without pickle"):
        head.save(tmp_path)


def part(name, kind, content=None, **more):
    module, _, own = name.rpartition(".")
    return {"__module__": module, "__class__": own, "__loader__": kind, "content": content} | more


def listed(name, kind, *parts):
    return part(name, kind, list(parts))


def mapping(name="builtins.dict", **parts):
    keys = [part("builtins.str", "TypeNode") for _ in parts]
    return part(name, "DictNode", parts, key_types=listed("builtins.list", "ListNode", *keys))


def hostile(trace):
    """Return parts that run a command while they are read, by how they would have it called."""
    words = [part("builtins.str", "JsonNode", json.dumps(word)) for word in ("touch", str(trace))]
    command = listed("builtins.list", "ListNode", *words)
    run = "sklearn.utils._testing.check_output"
    bound = {
        "func": part(run, "FunctionNode"),
        "args": listed("builtins.tuple", "TupleNode", command),
        "kwds": mapping(),
        "namespace": mapping(),
    }
    default = {"main": mapping(), "default_factory": part("sklearn.x", "PartialNode", bound)}
    return {
        "default": part("collections.defaultdict", "DefaultDictNode", default),
        "list": mapping(detector=listed(run, "ListNode", *words)),
        "constructor": mapping(detector=part(run, "ConstructorFromReduceNode", bound["args"])),
    }


@pytest.mark.parametrize("kind", ["default", "list", "constructor"])
def test_a_file_that_would_run_a_command_is_refused_and_runs_none(heads, kind, tmp_path):
    import skops.io

    heads["ECOD"].save(tmp_path)
    file, trace = tmp_path / "pyod.skops", tmp_path / "ran"
    with zipfile.ZipFile(file) as archive:
        protocol = json.loads(archive.read("schema.json"))["protocol"]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", json.dumps(hostile(trace)[kind] | {"protocol": protocol}))
    with pytest.raises(ArtifactError, match=r"cannot be read safely \(more than objects and data"):
        PyODHead.load(tmp_path, FEATURES)
    assert not trace.exists()
    # Control: whoever trusts all of scikit-learn's names, and reads what is held, runs it.
    found = skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))
    assert found["detector"] is not None
    assert trace.exists()


@pytest.mark.parametrize("name", ["sklearn.utils._testing.check_output", "sklearn.nowhere.Class"])
def test_an_object_of_what_is_no_class_of_these_packages_is_refused(heads, name, tmp_path):
    heads["ECOD"].save(tmp_path)
    with zipfile.ZipFile(tmp_path / "pyod.skops") as archive:
        protocol = json.loads(archive.read("schema.json"))["protocol"]
    content = mapping(detector=part(name, "ObjectNode")) | {"protocol": protocol}
    with zipfile.ZipFile(tmp_path / "pyod.skops", "w") as archive:
        archive.writestr("schema.json", json.dumps(content))
    with pytest.raises(ArtifactError, match=r"cannot be read safely \(types of neither PyOD"):
        PyODHead.load(tmp_path, FEATURES)


def test_names_are_those_of_pyod_in_any_case_and_others_are_refused():
    assert new_head("pyod:knn").name == "pyod:KNN"
    with pytest.raises(InputError, match="Got detector 'pyod:nothing'; expected the name of a"):
        new_head("pyod:nothing")


def test_without_pyod_the_install_command_is_named(monkeypatch):
    for module in [name for name in sys.modules if name.split(".")[0] == "pyod"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "pyod", None)
    with pytest.raises(InputError, match=r'run pip install "polar-detect\[pyod\]"'):
        new_head("pyod:ECOD")


def test_a_detector_object_keeps_its_settings_and_is_copied():
    from pyod.models.knn import KNN

    given = PyODHead(KNN(n_neighbors=3))
    head = new_head(given).fit(FIFTY, seed=0)
    assert head is not given
    other = new_head("pyod:KNN").fit(FIFTY, seed=0)
    rows = table(10, seed=3)
    assert (head.scores(rows) != other.scores(rows)).any()


def test_a_pyod_detector_is_the_head_of_a_detector_from_fit_to_load(tiny_pair, tmp_path):
    detector = PolarDetector("pyod:ECOD", **tiny_pair, max_tokens=12).fit(NORMAL)
    texts = NEW + STRANGE
    scores = detector.score_samples(texts)
    labels = np.repeat([False, True], [len(NEW), len(STRANGE)])
    assert auroc(labels, -scores) > 0.7
    detector.save(tmp_path / "detector")
    loaded = PolarDetector.load(tmp_path / "detector")
    np.testing.assert_array_equal(loaded.score_samples(texts), scores)


@pytest.mark.slow
@parametrize_with_checks([SignatureOutlierDetector("pyod:KNN")])
def test_scikit_learn_checks_hold(estimator, check):
    check(estimator)
