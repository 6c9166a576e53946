"""Texts that are sequences: what is missing, out of place or there too often is told and named."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector, Report, screen
from polar_detect.artifact.sealing import sealed
from polar_detect.detectors.scale import CLIP, column_clips, column_units
from polar_detect.detectors.sequence_views import sequence_views
from polar_detect.errors import ArtifactError
from polar_detect.features.of_sequences import COUNTS, ORDER, OddEntry
from polar_detect.features.table import FeatureTable
from polar_detect.frames import row_template
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Group
from polar_detect.metrics import auroc
from polar_detect.report.content.facts import description
from polar_detect.report.formats.markdown import render_markdown
from polar_detect.signature.normal.sequences import Sequences
from polar_detect.statistics.sequences import Continuations
from polar_detect.texts.entries import NEW, EntryKinds, entries_of

STEPS = (
    "Batch {} opened", "Lid closed at {}:12", "Heating to {} °C", "Hold of {} min", "Vacuum off",
    "Cooling", "Drained", "Signed by {}",
)  # fmt: skip


def batch(i, steps=STEPS, *, heats=1):
    """Return the entries of a batch; every third one is rinsed, too."""
    own = [step.format(1000 + 7 * i % 61) for step in steps]
    own[2:3] = own[2:3] * heats
    return [*own[:-1], *["Rinsed once more"] * (i % 3 == 0), own[-1]]


def joined(entries):
    return "\n".join(entries)


NORMAL = [joined(batch(i, heats=1 + i % 2)) for i in range(60)]


@pytest.fixture(scope="module")
def sequences():
    return Sequences.fit(NORMAL)


def changed(i):
    """Return a batch with a step missing, twice, in another place, and cut off."""
    own = batch(i)
    return {
        "missing": own[:4] + own[5:],
        "twice": [*own[:4], own[3], *own[4:]],
        "swapped": [*own[:3], own[4], own[3], *own[5:]],
        "cut off": own[:-1],
    }


@pytest.mark.parametrize("what", ["missing", "twice", "swapped", "cut off"])
def test_a_step_that_is_missing_twice_or_out_of_place_is_surprising(sequences, what):
    usual = sequences.features([joined(batch(i)) for i in range(100, 120)])
    wrong = sequences.features([joined(changed(i)[what]) for i in range(100, 120)])
    order, counts = (wrong.features.index(own) for own in (ORDER, COUNTS))
    assert wrong.values[:, order].min() > usual.values[:, order].max() + 1
    told = wrong.values[:, counts] > usual.values[:, counts].max()
    assert told.all() == (what != "swapped")


def test_what_varies_within_entries_makes_no_other_kind(sequences):
    assert sequences.separator == "lines"
    assert sequences.n_texts.keys() == {
        *("batch … opened", "lid closed at …", "heating to … c", "hold of … min", "vacuum off"),
        *("cooling", "drained", "signed by …", "rinsed once more"),
    }
    assert sequences.n_texts["rinsed once more"] == 20


def test_texts_of_people_are_no_sequences():
    rng = np.random.default_rng(0)
    words = [f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(400)]
    prose = [". ".join(" ".join(rng.choice(words, 6)) for _ in range(5)) for _ in range(80)]
    assert Sequences.fit(prose) is None
    assert Sequences.fit(["pump leaks"] * 50) is None
    assert Sequences.fit([]) is None
    any_order = [joined(rng.permutation(list("ABCDEFGH"))) for _ in range(80)]
    assert Sequences.fit(any_order) is None
    at_random = [joined(rng.choice(list("ABCD"), 12)) for _ in range(80)]
    assert Sequences.fit(at_random) is None
    assert Sequences.fit([joined(["Lid open", f"Lid shut {i}"]) for i in range(80)]) is None
    formula = [f"lid {way} then heat it {way} and cool it down slowly" for way in ("up", "in") * 40]
    assert Sequences.fit(formula) is None


def test_entries_that_mostly_follow_at_random_are_no_sequences():
    rng = np.random.default_rng(0)

    def one():
        own = [rng.choice(list("ABCD"))]
        while len(own) < 12:
            own.append(own[-1] if rng.random() < 0.3 else rng.choice(list("ABCD")))
        return joined(own)

    texts = [one() for _ in range(200)]
    assert Sequences.fit(texts) is None
    found = Sequences.of(texts, "lines", None)
    by_itself, behind = (
        sum(found._continuations.surprises(own.lower().split("\n"), n).sum() for own in texts)
        for n in (0, 3)
    )
    assert 0.75 * by_itself < behind < by_itself  # they tell a little


@pytest.mark.parametrize(
    ("separator", "by"),
    [("lines", "\n"), ("arrows", " > "), ("bars", " | "), ("semicolons", "; "), ("blanks", " ")],
)
def test_entries_are_parted_by_lines_and_signs_and_codes_by_blanks(separator, by):
    rng = np.random.default_rng(0)
    codes = [["E5", "E22", *["E9"] * int(rng.integers(1, 4)), "E11", "E26"] for _ in range(60)]
    found = Sequences.fit([by.join(own) for own in codes])
    assert found.separator == separator
    assert found.n_texts.keys() == {"e5", "e22", "e9", "e11", "e26"}


def test_sentences_that_come_again_are_entries_too():
    texts = [
        f"受入検査を行った。{20 + i}度で加熱した。圧力を確認した。記録に署名した。"
        for i in range(50)
    ]
    found = Sequences.fit(texts)
    assert found.separator == "sentences"
    short = texts[0].replace("圧力を確認した。", "")
    assert found.odd_by_order(short).entry == "圧力を確認した"


def test_free_lines_between_headings_count_as_one():
    rng = np.random.default_rng(0)

    def report(headings):
        free = [
            [" ".join(rng.choice(list("abcdefgh"), 9)) + f" x{rng.integers(1e9)}" for _ in range(n)]
            for n in rng.integers(1, 4, len(headings))
        ]
        return joined(
            line for own in zip(headings, free, strict=True) for line in [own[0], *own[1]]
        )

    headings = ["1. Symptom", "2. Cause", "3. Measure", "4. Approval"]
    found = Sequences.fit([report(headings) for _ in range(60)])
    usual, lacking = found.features([report(headings), report(headings[:1] + headings[2:])]).values
    assert lacking[0] > usual[0] + 2
    assert found.odd_by_counts(report(headings[:1] + headings[2:])).entry == "2. Cause"
    lines = report(headings).split("\n")
    longer = joined([*lines[:1], *(f"free text {i} x{i} y{i} z{i}" for i in range(9)), *lines[1:]])
    np.testing.assert_array_equal(found.features([longer]).values[0], usual)


def test_normal_texts_are_held_against_the_others_alone():
    odd = joined(["Alarm of the mixer", *batch(7)])
    found = Sequences.fit([*NORMAL, odd, odd])
    alone = np.zeros((2, 62), bool)
    alone[0, -1], alone[1, -2:] = True, True  # one of two copies, and both
    order, counts = found.features([odd, odd], left_out=alone).values.T
    assert order[0] < order[1]
    assert counts[0] == 0 < counts[1]
    (none,) = found.features([odd]).values
    assert none[0] < order[0]


def test_alike_anomalies_among_normal_texts_are_passed_over():
    odd = joined(changed(90)["missing"])
    found = Sequences.fit([*NORMAL, odd, odd])
    assert [found.features([odd], n_skipped=n).values[0, 1] for n in (0, 1, 2)] == [0, 0, 1]


def test_features_do_not_depend_on_what_else_is_scored(sequences):
    texts = [joined(own) for i in range(3) for own in changed(i).values()]
    together = sequences.features(texts).values
    alone = np.concatenate([sequences.features([text]).values for text in texts])
    np.testing.assert_array_equal(together, alone)
    assert np.isfinite(sequences.features(["", "\n", "?!"]).values).all()


def test_what_is_odd_is_named(sequences):
    own = batch(100)
    by_order, by_counts = sequences.odd_by_order, sequences.odd_by_counts
    missing = joined(changed(100)["missing"])
    assert by_order(missing) == OddEntry("missing", "Vacuum off", behind=own[3])
    assert by_counts(missing) == OddEntry("missing", "Vacuum off", n_usual=1)
    twice = by_counts(joined(changed(100)["twice"]))
    assert twice == OddEntry("times", own[3], n=2, n_usual=1)
    swapped = by_order(joined(changed(100)["swapped"]))
    assert swapped == OddEntry("order", own[4], "Hold of … min", own[2])
    first = by_order(joined([own[1], own[0], *own[2:]]))
    assert first == OddEntry("start", own[1], "Batch … opened")
    behind = by_order(joined([*own, own[0]]))
    assert behind == OddEntry("order", own[0], "", own[-1])
    new = joined([*own[:3], "Power failure", *own[3:]])
    assert by_order(new) == OddEntry("new", "Power failure", n=1)
    assert by_order(joined(own)) is None  # nothing is odd
    assert by_counts(new) == OddEntry("new", "Power failure", n=1)
    assert by_counts(joined(own)) is None


@pytest.mark.parametrize(
    ("odd", "english", "japanese"),
    [
        (OddEntry("missing", "A"), "missing: “A”", "「A」がない"),
        (OddEntry("missing", "A", behind="B"), "missing behind “B”: “A”", "「B」の次に「A」がない"),
        (OddEntry("times", "A", n=3, n_usual=1), "“A” 3 times, 1 in the most similar normal text",
         "「A」が3回（最も似た正常な文では1回）"),
        (OddEntry("order", "A", "C", "B"), "“A” behind “B”, where “C” is usual",
         "「B」の次が「A」（多くは「C」）"),
        (OddEntry("order", "A", "", "B"), "“A” behind “B”, which mostly is the last",
         "多くは最後になる「B」の後に「A」がある"),
        (OddEntry("order", "A", None, "B"), "“A” behind “B”, which is rare",
         "「B」の次が「A」になることはまれ"),
        (OddEntry("start", "A", "C"), "“A” first, where “C” is usual",
         "「A」で始まる（多くは「C」）"),
        (OddEntry("end", "", "C", "B"), "ends behind “B”, where “C” is usual",
         "「B」で終わる（多くは次に「C」）"),
        (OddEntry("end", "", None, "B"), "ends behind “B”, which is rare", "「B」で終わるのはまれ"),
    ],
)  # fmt: skip
def test_what_is_odd_is_said_in_both_languages(odd, english, japanese):
    source = Group("sequence", odd)
    assert Language("en").reason(source) == english
    assert Language("ja").reason(source) == japanese


def test_continuations_without_some_sequences_are_those_of_the_others():
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcd"), rng.integers(0, 9))) for _ in range(30)]
    some = replace(Continuations.fit(texts).without(texts[:10]))
    others = replace(Continuations.fit(texts[10:]), n_kinds=some.n_kinds)
    for text in texts:
        np.testing.assert_allclose(some.surprises(text), others.surprises(text))


def test_probabilities_of_what_follows_add_up_to_one():
    found = Continuations.fit(["abcabd", "abd", ""])
    every = [*"abcd", None]
    for before in ("", "ab", "zz", "abcab"):
        context = ("", *before)[-3:] if len(before) < 3 else tuple(before[-3:])
        assert sum(found._chance(context, entry) for entry in every) == pytest.approx(1)


def test_of_two_normal_texts_as_near_the_usual_one_says_what_is_missing():
    found = Sequences.of([*["A\nB\nD"] * 10, *["A\nB\nC"] * 40, "A\nB\nD"], "lines", None)
    assert found.odd_by_counts("A\nB").entry == "C"


def test_what_another_text_says_of_its_own_is_never_missing():
    def report(i, free=""):
        return joined(
            ["1. Symptom", f"{free}z{i} q{i} x{i} k{i}", "2. Cause", "3. Cure", "4. Done"]
        )

    found = Sequences.fit([report(i) for i in range(60)])
    text = report(0).replace("z0 q0 x0 k0\n", "")
    assert found.features([text]).values[0, 1] == 1
    assert found.odd_by_counts(text) is None
    assert found.odd_by_order(text) in (None, OddEntry("order", "2. Cause", None, "1. Symptom"))


def test_one_choice_of_several_is_neither_usual_nor_missing():
    rng = np.random.default_rng(0)
    found = Sequences.of(
        [joined(["A", rng.choice(list("BCDE")), "F", "G"]) for _ in range(400)], "lines", None
    )
    assert found.odd_by_order(joined(["A", "F", "G"])) == OddEntry("order", "F", None, "A")
    assert found.odd_by_order(joined(["A", "B", "G"])).entry == "F"  # which all have


def test_a_text_that_may_meet_no_normal_one_changes_nothing_for_others():
    texts = [joined(changed(i)["missing"]) for i in range(9)]
    sequences = Sequences.fit([*NORMAL, *texts])
    alone = sequences.features(texts, left_out=np.zeros((9, 69), bool), n_skipped=9).values
    with_one = np.zeros((9, 69), bool)
    with_one[0] = True
    found = sequences.features(texts, left_out=with_one, n_skipped=9).values
    np.testing.assert_array_equal(found[1:], alone[1:])


def test_a_refrain_makes_no_sequence():
    verses = [f"verse{i}a of{i}\nand the wheel goes round\nverse{i}b to{i}" for i in range(60)]
    assert Sequences.fit(verses) is None


def test_what_always_is_there_is_named_before_what_varies():
    rng = np.random.default_rng(0)
    found = Sequences.of(
        [joined(["A"] * int(rng.integers(1, 10)) + ["B"]) for _ in range(60)], "lines", None
    )
    assert found.odd_by_counts(joined(["A"] * 13)) == OddEntry("missing", "B", n_usual=1)


def test_what_is_missing_comes_before_its_effect_on_the_order(sequences):
    text = joined(changed(100)["missing"])
    assert sequences.odd(text, {ORDER: 10.0, COUNTS: 2.0}) == sequences.odd_by_counts(text)
    assert sequences.odd(text, {ORDER: 10.0, COUNTS: 0.5}) == sequences.odd_by_order(text)
    assert sequences.odd_by_counts(text) != sequences.odd_by_order(text)
    assert sequences.odd(text, {ORDER: -1.0, COUNTS: -0.5}) is None


def test_an_entry_of_a_few_common_words_has_no_kind():
    kinds = EntryKinds.fit([[f"word{i} of thing{i} and place{i}"] for i in range(50)])
    assert kinds.of(["pump of plant and hall"]) == [NEW]


def test_words_of_some_texts_vary_where_what_they_make_is_rare():
    rng = np.random.default_rng(0)
    names = [f"name{chr(97 + i)}" for i in range(20)]
    texts = [
        [f"Signed by {rng.choice(names)} and {rng.choice(names)} at the plant"] for _ in range(100)
    ]
    assert EntryKinds.fit(texts).of(["Signed by Sato and Ito at the plant"]) == [
        "signed by … and … at the plant"
    ]


def test_of_very_long_texts_the_first_thousand_entries_count():
    assert len(entries_of("A\n" * 3000, "lines")) == 1000


def test_views_are_on_a_scale_of_their_own_where_normal_texts_never_differ():
    normal = FeatureTable.of({ORDER: np.full(60, 0.1), COUNTS: np.zeros(60)})
    order, counts = sequence_views(normal, np.zeros((60, 4)), np.ones(2))
    assert (order[0], counts[1]) == (1, 2)  # one nat, and half an entry, are a standard deviation


def test_numbers_are_kinds_where_entries_are_nothing_else():
    kinds = EntryKinds.fit([["101", "102", "step 7"], ["101", "104", "step 8"]] * 5)
    assert kinds.of(["101", "104", "step 99", "105"]) == ["101", "104", "step …", NEW]
    assert entries_of("101, 102,104", "blanks") == ["101", "102", "104"]


def test_clips_leave_room_for_what_no_normal_text_has():
    features = (ORDER, COUNTS)
    assert (column_clips(features) * column_units(features)).tolist() == [3 * CLIP, CLIP]


@pytest.fixture(scope="module")
def detector(tiny_pair):
    return PolarDetector(**tiny_pair).fit(NORMAL)


def test_the_detector_finds_and_names_them(detector):
    usual = [joined(batch(i)) for i in range(200, 230)]
    wrong = [joined(changed(i)["missing"]) for i in range(200, 230)]
    found = detector.assess([*usual, *wrong])
    assert auroc(np.arange(60) >= 30, found.scores) > 0.95
    assert found.is_anomaly[30:].mean() > 0.9
    assert found.is_anomaly[:30].mean() < 0.2
    reasons = found.reasons()[30:]
    assert sum("missing behind “Hold of" in own and "“Vacuum off”" in own for own in reasons) > 27
    assert "がない" in found.reasons("ja")[-1]
    assert found.rows(np.array([59])).odd_entries[0].entry == "Vacuum off"


def test_it_scores_the_same_when_it_is_loaded_and_when_it_is_updated(detector, tmp_path):
    wrong = [joined(changed(i)["twice"]) for i in range(200, 210)]
    detector.save(tmp_path / "detector")
    loaded = PolarDetector.load(tmp_path / "detector")
    np.testing.assert_array_equal(loaded.score_samples(wrong), detector.score_samples(wrong))
    assert loaded.assess(wrong).reasons() == detector.assess(wrong).reasons()
    assert loaded.updated(wrong, [1] * 10).fitted_.text_reference.sequences is not None
    manifest = tmp_path / "detector/manifest.json"
    said = json.loads(manifest.read_text(encoding="utf-8"))
    assert said["sequences"] == {"separator": "lines"}
    manifest.write_bytes(sealed(said | {"sequences": {"separator": "stars"}}))
    with pytest.raises(ArtifactError, match="a separator among lines, arrows"):
        PolarDetector.load(tmp_path / "detector")


def test_reports_name_them(detector):
    frame = pd.DataFrame({"text": [joined(changed(200)["missing"]), joined(batch(201))]})
    report = render_markdown(Report.of(detector, frame["text"]).data)
    assert f"missing behind “{batch(200)[3]}”: “Vacuum off”" in report


def test_what_sequences_count_for_is_said_in_both_languages(detector, tmp_path, run):
    detector.save(tmp_path / "detector")
    _, english, _ = run("inspect", tmp_path / "detector")
    assert (
        "; the sequence of entries (their order, how often each occurs) counts for 50%" in english
    )
    assert "Sequences of entries, parted by: lines" in english
    assert "views of the columns" not in english
    _, japanese, _ = run("inspect", tmp_path / "detector", "--lang", "ja")
    assert "。項目の並び（順番と回数）の比重は50%です" in japanese
    assert "項目の並びの区切り：改行" in japanese
    said = dict(description(PolarDetector.load(tmp_path / "detector"), "en"))
    assert said["Sequences"].endswith("how often each occurs, counts for 50%")
    assert "Columns" not in said


def test_the_reference_passes_over_as_many_as_may_be_anomalous(detector):
    odd = joined(changed(90)["missing"])
    own = replace(
        detector.fitted_.text_reference, sequences=Sequences.fit([*NORMAL[:40], odd, odd])
    )
    for contamination, distance in ((0, 0), (0.1, 1)):
        (table,) = replace(own, contamination=contamination).of_sequences([odd])
        assert table.values[0, table.features.index(COUNTS)] == distance


def test_texts_in_passages_are_no_sequences(tiny_pair):
    found = PolarDetector(passages=True, **tiny_pair).fit(NORMAL)
    assert found.fitted_.text_reference.sequences is None


def test_where_texts_are_not_kept_nothing_is_known_of_sequences(tiny_pair):
    detector = PolarDetector(store_texts=False, **tiny_pair).fit(NORMAL)
    assert detector.fitted_.text_reference.sequences is None
    assert detector.assess([joined(changed(1)["missing"])]).odd_entries == ()


def test_a_column_of_steps_counts_among_others(tiny_pair):
    def rows(texts):
        return pd.DataFrame(
            {
                "Press": [f"P{i % 3}" for i in range(len(texts))],
                "Steps": [text.replace("\n", " > ") for text in texts],
                "Force [kN]": np.random.default_rng(0).normal(40, 2, len(texts)).round(1),
            }
        )

    train = rows(NORMAL)
    template = row_template(train)
    found = Sequences.fit(template.texts(train), template)
    assert found.n_texts["vacuum off"] == 60
    detector = PolarDetector(**tiny_pair).fit(train)
    reason = f"auto: {detector.fitted_.head.reason}"
    assert "; views of the columns" in reason
    assert "; the sequence of entries" in reason
    assert "views" not in (japanese := Language("ja").inspected(reason))
    assert "項目の並び" in japanese
    wrong = rows([joined(changed(i)["missing"]) for i in range(200, 212)])
    assert sum("“Vacuum off”" in own for own in detector.assess(wrong).reasons()) > 10


def test_a_screening_finds_the_one_that_lacks_a_step(tiny_pair):
    texts = [*NORMAL[:50], joined(changed(90)["missing"])]
    found = screen(texts, PolarDetector(contamination=0.05, **tiny_pair))
    assert found.strangest[0] == 50
    assert "Vacuum off" in found.reasons()[50]
    assert "normal" not in found.reasons()[50]


@pytest.mark.parametrize("are_sequences", [True, False])
def test_of_long_sequences_no_passages_are_advised(run, tiny_pair, tmp_path, are_sequences):
    texts = NORMAL if are_sequences else [own.replace("\n", " ") for own in NORMAL]
    rows = pd.DataFrame({"text": texts})
    rows.to_json(tmp_path / "in.jsonl", orient="records", lines=True)
    models = ("--model", tiny_pair["model"], "--encoder", tiny_pair["encoder"])
    *_, err = run("fit", tmp_path / "in.jsonl", "--max-tokens", 8, "--out", tmp_path / "d", *models)
    assert ("60 of 60 texts are longer than the 8 tokens that models read" in err) == are_sequences
    assert ("fit --passages all, passage by passage" in err) != are_sequences
