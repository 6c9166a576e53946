"""How the experiment on fortunes reads Debian's files."""

import fortunes
import pytest

WISE = "Nothing is so good that it cannot be\n\tmended once more."
TOLD = "Who greases the pump on Friday sleeps on Sunday.\n\t\t-- A fitter"


def write(folder, name, *texts):
    (folder / name).write_text("\n%\n".join(texts) + "\n%\n", encoding="utf-8")


def test_each_kind_is_read_once_without_who_said_it(tmp_path):
    write(tmp_path, "wise", WISE, TOLD, TOLD, "Too short.", 200 * "long ")
    write(tmp_path, "work", TOLD, WISE, WISE + " Or twice.")
    write(tmp_path, "few", WISE)
    write(tmp_path, "wise.dat", WISE, TOLD)
    (tmp_path / "de").mkdir()
    (tmp_path / "wise.u8").symlink_to(tmp_path / "wise")
    kinds = fortunes.read(tmp_path, at_least=2)
    assert list(kinds) == ["wise", "work"]
    assert kinds["wise"] == (
        "Nothing is so good that it cannot be mended once more.",
        "Who greases the pump on Friday sleeps on Sunday.",
    )
    assert len(kinds["work"]) == 3


def test_a_folder_without_fortunes_is_said(tmp_path):
    with pytest.raises(SystemExit, match="apt-get install fortunes"):
        fortunes.read(tmp_path, at_least=2)
