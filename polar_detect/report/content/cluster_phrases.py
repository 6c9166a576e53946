"""What is said of flagged rows that are alike."""

from collections.abc import Sequence
from dataclasses import replace

from polar_detect.clusters import Cluster
from polar_detect.messages.formatting import NAME_CHARACTERS, one_line
from polar_detect.messages.language import Language
from polar_detect.messages.sources import SharedReason
from polar_detect.report.content.data import FlaggedCluster, FlaggedClusters

_CHARACTERS = 40  # of the text that stands for a cluster
_N_NAMED, _N_LINES = 3, 6  # clusters in a sentence, and with a line each
_MIN_FLAGGED = 6  # of fewer nobody asks which are alike


def description(own: FlaggedCluster, language: Language) -> str:
    """Return what the rows of a cluster share; without that, the most central of them."""
    said = shared(own, language)
    return said or language.say("quoted", word=one_line(own.text, _CHARACTERS))


def shared(own: FlaggedCluster | Cluster, language: Language) -> str:
    """Return the reasons or words that the rows of a cluster share, "" where they share none."""
    if own.reasons:
        return _reasons(own.reasons, language)
    words = [one_line(word, NAME_CHARACTERS) for word in own.words]
    quoted = (language.say("quoted", word=word) for word in words)
    return language.joined(quoted) if words else ""


def counted(own: FlaggedCluster, language: Language) -> str:
    """Return how many rows a cluster has, and what they share."""
    key = "cluster.by" if own.reasons else "cluster.with" if own.words else "cluster.like"
    return language.say(key, n=len(own.rows), what=description(own, language))


def sentence(own: FlaggedClusters, language: Language) -> str:
    """Return how many clusters there are, what the largest share, and how many rows are in none.

    "" where too few rows are flagged for anybody to ask.
    """
    if not own.found:
        return language.say("cluster.none") if own.n_alone >= _MIN_FLAGGED else ""
    listed = language.say("semicolon").join(_largest(own, _N_NAMED, language))
    return language.say("cluster.sentence", lead=_lead(own, language), list=listed)


def lines(own: FlaggedClusters, language: Language) -> list[str]:
    """Return the same as lines, where the largest clusters have one each."""
    if not own.found:
        return [said] if (said := sentence(own, language)) else []
    return [lead(own, language), *_largest(own, _N_LINES, language)]


def lead(own: FlaggedClusters, language: Language) -> str:
    """Return how many rows are alike, in how many clusters, and how many are in none."""
    return language.say("cluster.alone", lead=_lead(own, language))


def _largest(own: FlaggedClusters, most: int, language: Language) -> list[str]:
    """Return the largest clusters, and how many others there are."""
    named = [counted(cluster, language) for cluster in own.found[:most]]
    n_more = len(own.found) - most
    return [*named, language.count("cluster.more", n_more)] if n_more > 0 else named


def note(own: FlaggedClusters, language: Language) -> list[str]:
    """Return what makes rows alike, and how many were not looked at."""
    sentences = [language.say("cluster.note")]
    if own.n_left_out:
        sentences.append(language.say("cluster.left_out", n=own.n_left_out))
    return sentences


def _lead(own: FlaggedClusters, language: Language) -> str:
    key = "cluster.lead" if own.n_alone else "cluster.lead.all"
    return language.count(key, len(own.found), n_alike=len(own.places), alone=own.n_alone)


def _reasons(own: Sequence[SharedReason], language: Language) -> str:
    """Return reasons; of two numbers that do not go with each other, one for the other."""
    first, *others = own
    column, of_others = first.column, [other.column for other in others]
    if column.is_beside_all and not column.beside and of_others and of_others[0].is_beside_all:
        own = [replace(first, column=replace(column, beside=(of_others[0].name,)))]
    return language.joined(_reason(reason, language) for reason in own)


def _reason(own: SharedReason, language: Language) -> str:
    if own.new and not own.column.is_empty and all(own.new):
        says = language.say("comma").join(one_line(new, NAME_CHARACTERS) for new in own.new)
        name = one_line(own.column.name, NAME_CHARACTERS)
        return language.say("reason.new", column=name, says=says)
    return language.reason(own.column)
