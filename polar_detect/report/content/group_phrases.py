"""What is said of groups of rows that are flagged more often than others."""

from polar_detect.messages.formatting import NO_VALUE, one_line
from polar_detect.messages.language import Language
from polar_detect.report.content.data import FlaggedGroups
from polar_detect.statistics.concentration import Concentration, Group

_CHARACTERS = 60
_N_NAMED = 12  # columns


def group(own: Group, language: Language) -> str:
    """Return which group it is: what its rows say in which column."""
    name = one_line(own.column, _CHARACTERS) or NO_VALUE
    if not own.says:
        return language.say("group.empty", name=name)
    return language.say("group.says", name=name, says=one_line(own.says, _CHARACTERS))


def groups(own: Concentration, language: Language) -> str:
    """Return which group it is, and which other columns make the same one."""
    first = group(own.group, language)
    if not own.same:
        return first
    same = language.joined(group(other, language) for other in own.same[:3])
    return language.say("group.same", group=first, same=same)


def concentration(own: Concentration, language: Language, key: str = "group.flagged") -> str:
    """Return how many rows of the group are flagged, or what `key` says, and how many others."""
    return language.say(
        key,
        group=groups(own, language),
        flagged=own.n_flagged,
        n=own.n_rows,
        flagged_others=own.n_flagged_others,
        n_others=own.n_others,
    )


def lead(own: FlaggedGroups, language: Language) -> list[str]:
    """Return what the table of groups shows, or that there is none to show."""
    names = [one_line(name, _CHARACTERS) or NO_VALUE for name in own.columns[:_N_NAMED]]
    if (n_more := len(own.columns) - len(names)) > 0:
        names.append(language.count("group.more", n_more))
    asked = language.say("group.asked", columns=language.joined(names))
    if not own.found:
        return [language.say("group.none"), asked]
    return [language.say("group.lead"), asked]
