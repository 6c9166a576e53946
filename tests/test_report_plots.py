import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from report_samples import Page

from polar_detect import plots
from polar_detect.errors import InputError
from polar_detect.explain import Explanation
from polar_detect.features.table import Feature
from polar_detect.messages.language import Language
from polar_detect.program import Program
from polar_detect.report.charts import drawing
from polar_detect.report.content.data import Swarm
from polar_detect.search import Candidate

N_LAYERS = 5
FEATURES = (
    Feature("context", "ratio"),
    Feature("loss", "mean"),
    *(Feature("distance", "knn", layer) for layer in range(N_LAYERS)),
)


@pytest.fixture(autouse=True)
def _no_window():
    mpl.use("Agg")
    yield
    from matplotlib import pyplot as plt

    plt.close("all")


def explanation(n_texts=20):
    rng = np.random.default_rng(0)
    values = rng.normal(0, 0.2, (n_texts, len(FEATURES)))
    data = rng.normal(0, 1, values.shape).astype(np.float32)
    return Explanation(0.25, values, data, FEATURES, N_LAYERS)


def heights(ax):
    return [patch.get_height() for patch in ax.patches]


def test_a_program_is_drawn_with_one_cell_per_layer():
    ax = plots.plot_program("0-1 [2]x2 4", N_LAYERS)
    assert len(ax.patches) == 3 * N_LAYERS  # outline, calls, loops
    kept, looped = heights(ax)[N_LAYERS : 2 * N_LAYERS], heights(ax)[2 * N_LAYERS :]
    assert kept == [1, 1, 1, 0, 1]
    assert looped == [0, 0, 1, 0, 0]
    assert [text.get_text() for text in ax.texts] == ["×2"]
    both = plots.plot_program("0-4", N_LAYERS, typical=np.full(N_LAYERS, 0.5))
    assert [tick.get_text() for tick in both.get_yticklabels()] == ["typical", "program"]


@pytest.mark.parametrize("typical", [[1, 2], 1.0, np.ones((1, N_LAYERS))])
def test_typical_calls_of_another_number_of_layers_are_refused(typical):
    with pytest.raises(InputError, match=r"^Got typical calls of shape .* for each of 5 layers"):
        plots.plot_program("0-4", N_LAYERS, typical=typical)


def test_curves_are_drawn_as_they_are():
    ax = plots.plot_curves({"skip": [0.1, 0.2, 3.0], "loop": [0.0, -0.1, 0.5]})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.1, 0.2, 3.0])
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["skip", "loop"]


def test_a_length_curve_is_drawn_as_the_change_from_its_longest_program():
    points = [Candidate(Program.full(n), loss) for n, loss in ((1, 6.0), (3, 4.5), (5, 4.0))]
    ax = plots.plot_length_curve({"pump leaks": points}, tolerance=0.1)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [1, 3, 5])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [2.0, 0.5, 0.0])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [0.1, 0.1])
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["pump leaks", "tolerance"]
    assert len(plots.plot_length_curve({"empty": ()}).lines[0].get_xdata()) == 0
    points[-1] = Candidate(Program.full(5), np.inf)  # of which nothing was measured
    ax = plots.plot_length_curve({"pump leaks": points, "nothing": points[-1:]})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.5, 0.0, np.inf])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [np.inf])


def test_layers_of_one_text_have_a_sign_and_those_of_many_a_size():
    own = explanation()
    one = plots.plot_layers(own.rows(np.asarray([3])))
    np.testing.assert_allclose(heights(one), own.by_layer()[3])
    many = plots.plot_layers(own)
    np.testing.assert_allclose(heights(many), np.abs(own.by_layer()).mean(0))
    np.testing.assert_allclose(heights(plots.plot_layers([1.0, -2.0])), [1.0, -2.0])


def test_a_beeswarm_has_a_dot_per_text_and_the_strongest_feature_on_top():
    own = explanation()
    ax = plots.plot_features(own, n_features=3)
    assert [len(dots.get_offsets()) for dots in ax.collections] == [20, 20, 20]
    strongest = own.features[int(np.argmax(np.abs(own.values).mean(0)))]
    name = ax.get_yticklabels()[0].get_text().replace("\n", " ")
    assert name == Language().feature(strongest)


def test_the_marks_of_a_stretched_axis_have_the_minus_of_an_even_one():
    ax, reaches = Figure().add_subplot(), [300.0, 2.0, 1.0]
    parts, ranks = [np.array([-r, r]) for r in reaches], np.array([0.0, 1.0])
    swarms = [Swarm(FEATURES[i], own, ranks) for i, own in enumerate(parts)]
    drawing.draw_swarm(ax, swarms, Language())
    assert [mark.get_text() for mark in ax.get_xticklabels()] == [
        "−100",
        "−10",
        "−1",
        "0",
        "1",
        "10",
        "100",
    ]
    drawing.draw_swarm(even := Figure().add_subplot(), swarms[1:], Language())  # control
    assert even.get_xticklabels()[0].get_text().startswith("−")


def test_a_beeswarm_says_what_its_colours_mean():
    legend = plots.plot_features(explanation()).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["low value", "high value"]
    assert [dot.get_color() for dot in legend.get_lines()] == [
        to_rgba(drawing.LOWER), to_rgba(drawing.RAISE),
    ]  # fmt: skip


def test_a_plot_goes_into_the_axes_that_are_given():
    ax = Figure().add_subplot()
    assert plots.plot_layers(explanation(), ax=ax) is ax
    assert plots.plot_program("0-4", N_LAYERS, ax=ax) is ax


@pytest.mark.parametrize("n_texts", [1, 20])
def test_a_notebook_shows_the_pictures_inline(n_texts):
    page = explanation(n_texts)._repr_html_()
    assert page.count("<svg") == 1
    assert Page(page).open == []
    assert "<?xml" not in page
    assert ("figure", "role", "img") in Page(page).attributes


def test_a_notebook_is_not_flooded_by_a_large_batch():
    assert len(explanation(5_000)._repr_html_()) < 400_000


def test_names_of_features_do_not_stand_in_one_another_in_a_notebook():
    features = tuple(Feature("change", layer=layer) for layer in range(10))
    values = np.random.default_rng(0).normal(0, 1, (20, len(features)))
    with drawing.plain_style():
        figure = plots._explanation_figure(Explanation(0, values, values, features, 10))
        figure.draw_without_rendering()
    names = figure.axes[1].get_yticklabels()
    assert all("\n" in name.get_text() for name in names)
    spans = sorted(name.get_window_extent().intervaly.tolist() for name in names)
    assert all(above[0] >= below[1] for below, above in itertools.pairwise(spans))


def test_texts_without_tokens_are_left_out_of_the_pictures():
    own = explanation()
    own.values[2:] = np.nan
    own.data[2:] = np.nan
    assert "<svg" in own._repr_html_()
    own.values[:] = np.nan
    assert "none of which has tokens" in own._repr_html_()


def test_shap_gets_values_that_add_up_to_the_scores():
    own = explanation()
    own.values[1] = np.nan
    theirs = own.to_shap()
    assert theirs.shape == (19, len(FEATURES))
    assert theirs.feature_names == own.names
    kept = np.flatnonzero(~np.isnan(own.values).any(1))
    scores = own.base_value + own.values[kept].sum(1)
    np.testing.assert_allclose(theirs.base_values + theirs.values.sum(1), scores)
    np.testing.assert_array_equal(theirs.data, own.data[kept])
