import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer.core
from typer.main import get_command
from windows_files import LikeSys

from polar_detect import cli
from polar_detect.cli.commands import fit, score, search
from polar_detect.cli.options import CompareOptions, FitOptions, SearchOptions
from polar_detect.detector import PolarDetector


@pytest.fixture(autouse=True)
def _empty_folder(monkeypatch, tmp_path):
    """Stand in an empty folder, with lines that do not break."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture
def calls(monkeypatch):
    """Return the options of `fit`, `score` and `search`, which are not carried out."""
    seen = []
    for module, name in ((fit, "fit"), (score, "score"), (search, "search")):
        monkeypatch.setattr(module, name, seen.append)
    return seen


def write(text, path="polar-detect.toml"):
    Path(path).write_text(text, encoding="utf-8")


def test_on_windows_arguments_are_what_was_given_and_no_patterns_of_files(run, calls, monkeypatch):
    Path("data1.csv").touch()
    monkeypatch.setattr(typer.core, "os", SimpleNamespace(name="nt", environ=os.environ))
    monkeypatch.setattr(cli, "sys", LikeSys("win32"))
    monkeypatch.setenv("HOME", "/home/user")
    texts = ["*", "data[1].csv", "$HOME", "~"]
    for text in texts:
        assert run("search", text)[0] == 0
    assert [own.text for own in calls] == texts
    assert run("fit", "~/data.csv", "--out", "d")[0] == 0  # no shell there writes it out
    assert calls[-1].train == Path("/home/user/data.csv")


def test_a_file_in_the_folder_holds_options(run, calls):
    write('[fit]\nout = "d"\nmodel = "gpt2"\nmax-tokens = 12\ntext_column = "note"\n')
    assert run("fit", "train.csv")[0] == 0
    given = {"model": "gpt2", "max_tokens": 12, "text_column": "note"}
    assert calls == [FitOptions(train=Path("train.csv"), out=Path("d"), **given)]
    assert calls[0].detector == "auto"  # control: what the file does not say stays


def test_a_folder_that_is_closed_to_the_user_holds_no_options(run, calls, close_to_us):
    write("[score]\nalpha = 0.01\n")
    close_to_us(Path.cwd())
    with pytest.raises(PermissionError):  # control
        Path("polar-detect.toml").stat()
    assert run("score", "a.csv", "--detector", Path.cwd(), "--out", "b.csv")[0] == 0
    assert calls[0].alpha is None


def test_a_file_that_is_closed_to_the_user_is_told(run, calls, close_to_us):
    write("[score]\nalpha = 0.01\n")
    close_to_us(Path("polar-detect.toml").absolute())
    code, _, error = run("score", "a.csv", "--detector", Path.cwd(), "--out", "b.csv")
    assert (code, calls) == (2, [])
    assert "Got polar-detect.toml, which cannot be read (Permission denied)" in error


def test_a_file_saved_on_windows_with_a_byte_order_mark_is_read(run, calls):
    Path("polar-detect.toml").write_text('[fit]\r\nout = "d"\r\n', encoding="utf-8-sig")
    assert run("fit", "train.csv")[0] == 0
    assert calls[0].out == Path("d")


@pytest.mark.parametrize("codec", ["cp932", "utf-16"])
def test_a_file_in_another_encoding_is_told_the_one_to_use(run, calls, codec):
    Path("polar-detect.toml").write_text('[score]\ntext_column = "内容"\n', encoding=codec)
    code, out, err = run("score", "new.csv", "--detector", "d", "--out", "scored.csv")
    assert (code, out, calls) == (2, "", [])
    said = " ".join(err.replace("│", " ").split())
    assert "Got polar-detect.toml that is not in UTF-8; expected TOML, which is; save it" in said
    assert "codec" not in said


def test_the_command_line_wins_over_the_file(run, calls):
    write("[score]\nalpha = 0.01\n")
    run("score", "new.csv", "--detector", "d", "--out", "s.csv")
    run("score", "new.csv", "--detector", "d", "--out", "s.csv", "--alpha", "0.2")
    assert [options.alpha for options in calls] == [0.01, 0.2]


def test_the_command_line_wins_over_what_the_file_says_instead(run, calls):
    write('[score]\nalpha = 0.01\n[fit]\ntext-column = "note"\nall-columns = false\n')
    given = ("score", "new.csv", "--detector", "d", "--out", "s.csv", "--fdr", "0.1")
    assert run(*given)[0] == 0
    assert (calls[0].alpha, calls[0].fdr) == (None, 0.1)
    assert run("fit", "a.csv", "--out", "d", "--columns", "a,b")[0] == 0
    assert (calls[1].text_column, calls[1].columns) == (None, "a,b")
    write('[search]\nfile = "a.txt"\nencoding = "cp932"\n')
    for own in (["oil leak"], ["--import", "samples.json"]):
        assert run("search", *own)[0] == 0
    assert run("search", "--file", "b.txt")[0] == 0
    assert [(own.text, own.file, own.import_, own.encoding) for own in calls[2:]] == [
        ("oil leak", None, None, None),
        (None, None, Path("samples.json"), None),
        (None, Path("b.txt"), None, "cp932"),
    ]
    code, _, error = run(*given, "--alpha", "0.2")  # control: both on the command line
    assert (code, "give either --alpha or --fdr" in error) == (2, True)


def test_what_the_file_says_twice_is_still_a_contradiction(run, calls):
    write("[score]\nalpha = 0.01\nfdr = 0.1\n")
    code, _, error = run("score", "new.csv", "--detector", "d", "--out", "s.csv")
    assert (code, calls) == (2, [])
    assert "give either --alpha or --fdr" in error


def test_a_language_above_all_sections_holds_for_every_command_that_speaks_two(run, calls):
    given = ("score", "new.csv", "--detector", "d", "--out", "s.csv")
    write('lang = "ja"\n[score]\nalpha = 0.01\n[search]\ntolerance = 0.5\n')
    assert [run(*given)[0], run("fit", "a.csv", "--out", "d")[0]] == [0, 0]
    assert [run("search", "a text")[0], run(*given, "--lang", "en")[0]] == [0, 0]
    scored, fitted, searched, told = calls
    assert (scored.lang, scored.alpha, fitted.lang, told.lang) == ("ja", 0.01, "ja", "en")
    assert searched.tolerance == 0.5
    calls.clear()
    write('lang = "ja"\n[score]\nlang = "en"\n')
    run(*given)
    assert calls[0].lang == "en"
    write('lang = "de"\n')
    code, _, err = run(*given)
    assert (code, "--lang" in err, "'de'" in err) == (2, True, True)


def test_another_file_is_read_in_place_of_the_one_in_the_folder(run, calls):
    write("[search]\ntolerance = 0.5\nmax-tokens = 9\n")
    write("[search]\ntolerance = 0.3\njson = true\n", "other.toml")
    run("--config", "other.toml", "search", "a text")
    assert calls == [SearchOptions(text="a text", tolerance=0.3, json=True)]
    assert calls[0].max_tokens == 256  # control: not that of the one in the folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[fit]\nmodle = "x"\n', ["Got key 'modle' in [fit]", "max-tokens", "did you mean model?"]),
        (
            "[fit]\nstore_texts = false\n",  # as version 0.1 had it
            [
                "Got key 'store_texts' in [fit]",
                "no-store-texts = true in place of store-texts = false",
            ],
        ),
        ("[skore]\nalpha = 1\n", ["Got section [skore]", "did you mean score?"]),
        (
            "alpha = 0.1\n",
            ["Got key 'alpha' outside any section", "expected one of combine, compare"],
        ),
        ("fit = 1\n", ["Got 'fit = …'", "expected a section [fit]"]),
        ("[fit]\nmodel.name = 1\n", ["Got a table as 'model' in [fit]"]),
        ('[fit]\ncolumns = ["a", "b"]\n', ["Got a list as 'columns' in [fit]", 'such as "a,b"']),
        ("[fit\n", ["that is not TOML", "below [score]; correct it."]),
        ('[fit]\nmodel = "D:\\Users"\n', ["not TOML", "a path with backslashes between single"]),
        ('[fit]\nmodel = "D:\\new\\table"\n', ["a path with a line break", "as 'model' in [fit]"]),
        ('[score]\ndetector = "\\\\plant\\tables"\n', ["or the like as 'detector' in [score]"]),
        ("[fit]\nhelp = true\n", ["Got key 'help' in [fit]"]),
    ],
)
def test_what_the_file_should_not_say_is_a_usage_error_naming_it(run, calls, text, words):
    write(text)
    code, out, err = run("fit", "train.csv", "--out", "d")
    assert (code, out, calls) == (2, "", [])
    for word in ("polar-detect.toml", *words):
        assert word in err


def test_paths_of_windows_and_names_of_two_lines_are_taken_as_they_are(run, calls):
    write(r"""[fit]
model = 'D:\new\table'
text-column = "Torque\n[Nm]"
""")
    assert run("fit", "train.csv", "--out", "d")[0] == 0
    assert (calls[0].model, calls[0].text_column) == (r"D:\new\table", "Torque\n[Nm]")


def test_a_value_of_the_wrong_kind_is_a_usage_error_naming_the_option(run, calls):
    write('[score]\nalpha = "much"\n')
    code, _, err = run("score", "new.csv", "--detector", "d", "--out", "s.csv")
    assert (code, calls) == (2, [])
    assert "--alpha" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit"],
        ["fit", "a.csv"],
        ["fit", "a.csv", "--out", "d", "--seed", "-1"],
        ["score", "a.csv", "--out", "b.csv"],
        ["search", "text", "--tolerance", "-1"],
        ["search"],
        ["nothing"],
        ["--config", "missing.toml", "models"],
    ],
)
def test_usage_errors_exit_with_2(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Error" in err


def test_options_have_the_defaults_of_the_detector_that_they_fit():
    own = {field.name: field.default for field in fields(FitOptions)}
    shared = {n: value for n, value in PolarDetector().get_params().items() if n in own}
    shared["no_store_texts"] = not PolarDetector().store_texts
    assert (shared.pop("condition_columns"), own["condition_columns"]) == ((), None)
    assert len(shared) > 6
    assert {name: own[name] for name in shared} == shared
    for kind in (CompareOptions, SearchOptions):
        again = {f.name: f.default for f in fields(kind) if f.name in ("model", "max_tokens")}
        assert again == {name: own[name] for name in again}


def options():
    group = get_command(cli.app)
    pending = [("", group)]
    while pending:
        name, command = pending.pop()
        pending += [(f"{name} {n}", c) for n, c in getattr(command, "commands", {}).items()]
        for parameter in command.params:
            if parameter.param_type_name == "option":
                yield name, parameter


@pytest.mark.parametrize(("name", "option"), list(options()))
def test_every_option_has_help_with_its_default(name, option):
    if option.name in ("help", "install_completion", "show_completion", "version"):
        return
    assert option.help, f"{name} {option.opts}"
    says_default = option.required or option.default is not None or "Default: " in option.help
    assert says_default, f"{name} {option.opts}"
    if option.default is not None:
        assert option.show_default, f"{name} {option.opts}"


def test_help_with_a_file_of_options_imports_nothing_heavy(tmp_path):
    write("[compare]\nseed = 3\n", tmp_path / "polar-detect.toml")
    code = (
        "import sys\nfrom polar_detect.cli import main\n"
        "sys.argv = ['polar-detect', 'compare', '--help']\n"
        "try:\n    main()\nfinally:\n"
        "    heavy = {'torch', 'sklearn', 'pandas', 'numpy', 'scipy'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "default: 3" in done.stdout


def test_a_shell_completes_commands_and_options():
    def complete(words):
        environment = os.environ | {
            "_POLAR_DETECT_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
        code = (
            "import sys; from polar_detect.cli import app; "
            "sys.argv = ['polar-detect']; app(prog_name='polar-detect')"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.split()

    assert complete("polar-detect com") == ["combine", "compare"]
    assert "--label-column" in complete("polar-detect compare --lab")
