"""Which flagged rows of a table are alike."""

from polar_detect.assessment import Assessment
from polar_detect.report.content.data import FlaggedCluster, FlaggedClusters
from polar_detect.report.rows import numbers_of, shown_of
from polar_detect.tables import Table

_CHARACTERS = 300  # of a text, for people


def flagged_clusters(table: Table, assessment: Assessment) -> FlaggedClusters | None:
    """Return which of a table's flagged rows are alike; None where fewer than two are flagged.

    Parameters
    ----------
    table : Table
    assessment : Assessment
        Of the texts of `table`.
    """
    n_flagged = int(assessment.is_anomaly.sum())
    if n_flagged < 2:
        return None
    own, numbers = assessment.clusters(table.texts), numbers_of(table)
    found = tuple(
        FlaggedCluster(
            rows=tuple(numbers[cluster.places].tolist()),
            central=int(numbers[cluster.central]),
            text=shown_of(table.texts, assessment, cluster.central)[:_CHARACTERS],
            reasons=cluster.reasons,
            words=cluster.words,
        )
        for cluster in own.found
    )
    return FlaggedClusters(found, own.n_flagged - own.n_alike, n_flagged - own.n_flagged)
