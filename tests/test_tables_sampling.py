import weakref

import numpy as np
import pyarrow as pa
import pytest

from polar_detect.errors import InputError
from polar_detect.tables import ReadOptions, RowSample, read_table, sampling


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Return a table of 5,000 rows and more chunks than one; every 50th row is labelled."""
    path = tmp_path_factory.mktemp("tables") / "rows.csv"
    rows = [f"text {i},{int(i % 50 == 0)}" for i in range(5000)]
    rows.insert(3000, "ragged,row,here")
    path.write_text("\n".join(["text,label", *rows]))
    return path


def numbers(sampled):
    return [int(text.split()[1]) for text in sampled.texts]


def read(path, max_rows, seed=0, label=None):
    options = ReadOptions(sample=RowSample(max_rows, seed))
    return read_table(path, text_column="text", label_column=label, options=options)


def test_a_sample_holds_rows_of_the_whole_input_in_order_and_says_of_how_many(table):
    sampled = read(table, 300)
    found = numbers(sampled)
    assert len(found) == len(set(found)) == 300
    assert found == sorted(found)
    assert found[0] < 500
    assert found[-1] > 4500
    assert sampled.sampled_from == 5000
    assert len(sampled.rejected) == 1
    assert numbers(read(table, 300)) == found
    assert numbers(read(table, 300, seed=1)) != found
    # Two lines up is the text before, the heading's line counts, and a ragged line lies between.
    assert sampled.lines.tolist() == [i + 2 + (i >= 3000) for i in found]


def test_few_rows_are_all_taken(table):
    whole = read_table(table, text_column="text")
    sampled = read(table, 5000)
    assert sampled.texts == whole.texts
    assert sampled.frame.equals(whole.frame)
    assert (sampled.sampled_from, whole.sampled_from) == (None, None)


def test_rare_labels_are_not_lost_in_a_sample(table):
    sampled = read(table, 200, label="label")
    assert sampled.labels is not None
    assert np.bincount(sampled.labels).tolist() == [200, 100]
    assert [i % 50 == 0 for i in numbers(sampled)] == sampled.labels.tolist()


@pytest.mark.slow
def test_every_row_is_drawn_as_often(table):
    counts = np.zeros(5000)
    for seed in range(40):
        counts[numbers(read(table, 1000, seed=seed))] += 1
    assert counts.sum() == 40_000
    by_place = counts.reshape(10, 500).sum(1)
    assert abs(by_place - 4000).max() < 5 * np.sqrt(4000)


def test_a_wrong_label_is_named_by_its_line_in_the_file(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "a b,0\n" * 4000 + "c d,perhaps\n")
    with pytest.raises(InputError, match="Got label 'perhaps' in line 4002, column 'label'"):
        read(path, 50, label="label")


def test_chunks_are_let_go_once_their_rows_are_chosen(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_text("text\n" + "".join(f"pump {i} leaks oil again\n" for i in range(40_000)))
    kept, sizes, own = [], [], sampling.labelled_chunks

    def watched(*arguments, **options):
        for labelled in own(*arguments, **options):
            kept.append(weakref.ref(labelled.chunk.frame))
            sizes.append(pa.total_allocated_bytes())  # pandas holds strings in Arrow's memory
            yield labelled

    monkeypatch.setattr(sampling, "labelled_chunks", watched)
    before = pa.total_allocated_bytes()
    assert len(read(path, 100).texts) == 100
    assert len(sizes) > 30  # chunks, of both passes
    assert sum(frame() is not None for frame in kept) == 0
    assert max(sizes) - before < 4 * (sizes[0] - before)
