"""`polar-detect.toml`: options of any command in a file; what the command line says wins.

A section per command, a key per option as on the command line, without the dashes in front:

    [fit]
    model = "smollm2"
    max-tokens = 128

Keys with `_` for `-` are the same key. `lang = "ja"` above all sections holds for every command
that has `--lang`. Unknown sections and keys are usage errors.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

FILE = "polar-detect.toml"
_FOR_ALL = "lang"  # others, such as `detector`, mean something else to each command
_PATHS = "a path with backslashes between single quotes"
# What "D:\new" and "\\server\new" are read as: in TOML \n between double quotes ends a line.
_MISREAD_PATH = re.compile(r"([A-Za-z]:|\\).*[\x00-\x1f]", re.DOTALL)


def read_config(context: typer.Context, file: Path | None) -> dict[str, Any]:
    """Return the defaults that the file gives to the commands below `context`.

    Parameters
    ----------
    context : typer.Context
        Of the program itself; it knows every command and option.
    file : Path or None
        None: `polar-detect.toml` in the working directory, if there is one.

    Raises
    ------
    typer.BadParameter
        The file is not TOML, or names a command or option that does not exist, or gives one a
        list, a table or a path that TOML reads as another.
    """
    path = Path(FILE) if file is None else file
    if file is None and not os.path.isfile(path):  # noqa: PTH113 - in a folder closed to the user
        return {}
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise typer.BadParameter(
            f"Got {path} that is not in UTF-8; expected TOML, which is; save it in that encoding."
        ) from error
    except tomllib.TOMLDecodeError as error:
        paths = f", and {_PATHS}" if "\\" in text else ""
        raise typer.BadParameter(
            f"Got {path} that is not TOML ({error}); expected lines such as alpha = 0.01 below "
            f"[score]{paths}; correct it."
        ) from error
    except OSError as error:
        raise typer.BadParameter(
            f"Got {path}, which cannot be read ({error.strerror}); expected a readable file; "
            "check the path and its permissions."
        ) from error
    is_for_all = _FOR_ALL in content and not isinstance(content[_FOR_ALL], dict)
    for_all = {_FOR_ALL: content.pop(_FOR_ALL)} if is_for_all else {}
    found = _defaults(context.command, content, str(path), "")
    return found | {name: for_all | found.get(name, {}) for name in _with_lang(context.command)}


def without_overruled(
    context: typer.Context, given: Mapping[str, Any], alternatives: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """Return what a command was given, but for what of the file the command line replaces.

    Parameters
    ----------
    context : typer.Context
        Of the command; it knows where each value comes from.
    given : mapping of str
        Values by parameter.
    alternatives : sequence of sequences of str
        Groups of parameters of which one is given: with ``--fdr`` the file's `alpha` is left out.
    """
    sources = {name: getattr(context.get_parameter_source(name), "name", None) for name in given}
    overruled = {
        name
        for group in alternatives
        if any(sources.get(name) == "COMMANDLINE" for name in group)
        for name in group
        if sources.get(name) == "DEFAULT_MAP"
    }
    return {name: value for name, value in given.items() if name not in overruled}


def _with_lang(group: Any) -> list[str]:
    """Return which commands have the option that may stand above all sections."""
    names = {name: {p.name for p in own.params} for name, own in group.commands.items()}
    return [name for name, options in names.items() if _FOR_ALL in options]


def _defaults(group: Any, content: Mapping[str, Any], source: str, above: str) -> dict[str, Any]:
    commands: Mapping[str, Any] = group.commands
    found: dict[str, Any] = {}
    for name, section in content.items():
        where = f"[{above}{name}]"
        if name not in commands:
            is_section = isinstance(section, dict)
            what = f"section {where}" if is_section else f"key '{name}' outside any section"
            raise _unknown(what, source, commands, name)
        if not isinstance(section, dict):
            raise typer.BadParameter(
                f"Got '{name} = …' in {source}; expected a section [{name}] with options below; "
                "correct it."
            )
        command = commands[name]
        inner = getattr(command, "commands", {})
        deeper = {key: value for key, value in section.items() if key in inner}
        own = {key: value for key, value in section.items() if key not in inner}
        found[name] = _options(command, own, source, where)
        found[name] |= _defaults(command, deeper, source, f"{above}{name}.") if deeper else {}
    return found


def _options(command: Any, given: Mapping[str, Any], source: str, where: str) -> dict[str, Any]:
    """Return values by parameter name; options are known by how they are written."""
    known = {
        spelling.lstrip("-"): parameter
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.is_eager
        for spelling in parameter.opts
    }
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = key.replace("_", "-")
        if name not in known:
            raise _unknown(f"key '{key}' in {where}", source, known, name)
        if isinstance(value, dict | list):
            raise typer.BadParameter(
                f"Got a {'list' if isinstance(value, list) else 'table'} as '{key}' in {where} of "
                f'{source}; expected one value, such as "a,b" for names; correct it.'
            )
        if isinstance(value, str) and _MISREAD_PATH.match(value):
            raise typer.BadParameter(
                f"Got a path with a line break, a tab or the like as '{key}' in {where} of "
                f"{source}; expected {_PATHS}; correct it."
            )
        found[str(known[name].name)] = value
    return found


def _unknown(what: str, source: str, known: Iterable[str], name: str) -> typer.BadParameter:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    advice = f"did you mean {close[0]}?" if close else "correct or remove it."
    if f"no-{name}" in names:  # who only changed the key would ask for the opposite
        advice = f"write no-{name} = true in place of {name} = false."
    listed = ", ".join(names) or "none"
    return typer.BadParameter(f"Got {what} of {source}; expected one of {listed}; {advice}")
