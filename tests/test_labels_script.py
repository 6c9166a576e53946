"""experiments/labels.py compares detectors by how many anomalies are labelled."""

import labels
import pytest


@pytest.mark.parametrize(("labelled", "is_in"), [(["a", "b", "a"], False), (["a", "b", "c"], True)])
def test_the_classifier_is_left_out_where_fewer_labelled_texts_differ_than_it_needs(
    labelled, is_in
):
    heads = labels._heads(labelled)
    assert ("classifier" in heads) is is_in
    assert heads.keys() - {"classifier"} == {"auto", "LightGBM on signatures"}


def test_a_mean_over_tasks_is_left_out_where_one_of_them_lacks_the_method():
    full = {labels.UNLABELLED: {0: 0.5}, "classifier": {3: 0.7, 5: 0.8}}
    lacking = {labels.UNLABELLED: {0: 0.7}, "classifier": {5: 0.9}}
    assert labels._table({"one": [full], "two": [lacking]}).splitlines()[2:] == [
        "| auto, no labels | 0.600 |  |  |  |  |  |",
        "| classifier |  |  | 0.850 |  |  |  |",
    ]
