"""How experiments read apt's lists."""

from pathlib import Path

import packages
import pytest

PACKAGES = """Package: chess
Version: 1.0
Section: games

Package: chess-data
Section: games

Package: mailer
Section: mail

Package: odd
Section: oldlibs
"""
LONG = "Das Spiel der Könige auf dem Rechner."
TRANSLATIONS = f"""Package: chess
Description-md5: 00
Description-de: Schach
 {LONG[:13]}
 {LONG[14:]}
 .
 Der zweite Absatz.

Package: chess-data
Description-md5: 01
Description-de: Daten
 Bilder und Töne für das Schachspiel auf dem Rechner.

Package: mailer
Description-md5: 02
Description-de: <trans>
 <trans> Ein Programm, mit dem man Post verschickt und liest.

Package: mailer
Description-md5: 03
Description-de: Post
 Ein Programm, mit dem man Post verschickt und liest.

Package: odd
Description-md5: 04
Description-de: Altes
 Eine alte Bibliothek, nach der niemand mehr fragt.
"""


@pytest.fixture
def lists(monkeypatch):
    """Put short lists in the place of apt's, which few systems have."""
    content = {"Packages": PACKAGES, "Translation": TRANSLATIONS}
    monkeypatch.setattr(
        packages,
        "_list",
        lambda _, pattern: next(text for kind, text in content.items() if kind in pattern),
    )
    return Path("lists")


def test_descriptions_stand_by_the_group_of_their_package(lists):
    sections = packages.sections(lists)
    assert sections == {"chess": "games", "chess-data": "games", "mailer": "mail", "odd": "oldlibs"}
    found = packages.descriptions(lists, "de", sections)
    assert dict(found) == {
        "games": [f"Schach. {LONG}"],
        "network": ["Post. Ein Programm, mit dem man Post verschickt und liest."],
    }


def test_of_long_descriptions_all_paragraphs_are_kept(lists, monkeypatch):
    sections = packages.sections(lists)
    monkeypatch.setattr(packages, "_LONG", len(LONG) + 1)
    found = packages.descriptions(lists, "de", sections, is_long=True)
    assert found["games"] == [f"Schach. {LONG} Der zweite Absatz."]
    monkeypatch.setattr(packages, "_LONG", len(LONG) + 30)
    assert "games" not in packages.descriptions(lists, "de", sections, is_long=True)


def test_lists_that_are_not_there_are_asked_for(tmp_path):
    with pytest.raises(SystemExit, match=r"Got no list like 'main_i18n_Translation-ja\*' in .*apt"):
        packages._list(tmp_path, "main_i18n_Translation-ja*")
