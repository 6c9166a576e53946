"""experiments/rows.py gives the detector the same rows as its baselines."""

import numpy as np
import pytest
import rows
from common import Task, split

from polar_detect.tables import RowTemplate


def test_the_table_holds_the_numbers_that_the_baselines_read():
    numbers = np.array([[0, 298.1, 308.6, 1551, 42.8, 0], [2, 298.2, 308.7, 1408, 46.3, 3.5]])
    task = Task("ai4i", ("a", "b"), (("c",),), numbers=numbers)
    frame = rows.frame_of(task)
    assert frame["Type"].tolist() == ["L", "H"]
    template = RowTemplate.fit(frame, list(frame.columns))
    found = template.read(template.texts(frame)).numbers
    assert found.names == tuple(frame.columns[1:])
    np.testing.assert_allclose(found.values, numbers[:, 1:], rtol=0.01)


def test_the_result_has_a_line_for_each_task_and_method_and_the_mean_over_seeds():
    found = [rows.Found("ai4i", seed, "m", 0.7 + 0.1 * seed) for seed in range(2)]
    assert rows.table(found).splitlines() == [
        "| task | method | seed 0 | seed 1 | mean |",
        "| --- | --- | --- | --- | --- |",
        "| ai4i | m | 0.700 | 0.800 | 0.750 |",
    ]


@pytest.mark.slow
def test_baselines_learn_from_labelled_rows_that_are_not_tested():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(300, 3))
    numbers[200:, 0] += 3
    texts = tuple(map(str, range(300)))
    task = Task("steel", texts[:200], (texts[200:],), numbers=numbers)
    own = split(task, seed=0, n_train=100, n_test=60)
    found = rows.baselines(task, own, 0, 20)
    assert list(found) == [
        "LightGBM, no labels", "random forest, no labels", "isolation forest, no labels",
        "kNN, no labels", "LightGBM, 20 labels", "random forest, 20 labels",
    ]  # fmt: skip
    assert found["random forest, 20 labels"] > 0.9
    few = rows.baselines(task, own, 0, 1000)  # 100 anomalous rows, of which 60 are tested
    assert "random forest, 40 labels" in few
