"""What the views of the default detector count for, as the normal texts themselves say."""

import numpy as np

from polar_detect.features.named import FAR_SIMILARITY, FLUENCY, MODEL_FLUENCY, SIMILARITY
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.metrics import auroc

# How much the encoder is trusted, least and most ...
_TRUSTS = (0.0, 0.85)
# ... where its vocabulary cuts the normal texts into pieces of so many characters.
_CHARACTERS_PER_TOKEN = (3.0, 4.0)
# The topic view's share grows from its least to these ...
_SHARES = (0.75, 0.85)
# ... while the AUROC of similarity on held-out clusters grows along these.
_SEPARATIONS = (0.65, 0.8, 0.95)
# Its least is between these, while the encoder's trust is between those.
_LEAST_SHARES, _LEAST_TRUSTS = (0.25, 0.5), (0.5, 0.85)
# The wider scale counts from nothing to all, as its AUROC on held-out clusters is so much more.
_GAINS = (-0.02, 0.0)
# Language counts by itself where the language model's vocabulary cuts the normal texts into pieces
# of so many characters.
_CHARACTERS_PER_MODEL_TOKEN = (3.0, 4.0)
# The loss tells by itself as those of normal texts lie within so many nats (standard deviation).
_LOSS_SPREADS = (0.5, 0.8)


def share_of_topic(separation: float, trust: float) -> float:
    """Return what topic counts for; see `choose_views`."""
    least = np.interp(trust, _LEAST_TRUSTS, _LEAST_SHARES)
    return float(np.interp(separation, _SEPARATIONS, (least, *_SHARES)))


def share_of_far(normal: FeatureTable, strangers: FeatureTable) -> float:
    """Return how much the wider scale counts; nothing where signatures do not have it.

    Nothing where its similarity tells held-out clusters from normal texts worse than the nearest
    texts do (by .02 of the AUROC), and all where it does so as well: a few large topics are seen
    best from afar, many small ones from near by.
    """
    if FAR_SIMILARITY not in normal.features:
        return 0.0
    near, far = (separation_by(normal, strangers, f) for f in (SIMILARITY, FAR_SIMILARITY))
    return float(np.interp(far - near, _GAINS, (0, 1)))


def trust_in_encoder(normal: FeatureTable) -> float:
    """Return how far the encoder is to be trusted with texts that its vocabulary cuts up so.

    0 to .85, from pieces of 3 characters to 4: it was trained on English prose, and says little
    about codes, numbers and other languages.
    """
    lengths = normal.values[:, normal.features.index(FLUENCY)]
    return float(np.interp(np.median(lengths), _CHARACTERS_PER_TOKEN, _TRUSTS))


def share_read(normal: FeatureTable) -> float:
    """Return how far the language model reads texts in words, 0 … 1.

    What it finds easy or hard about texts that it reads in short pieces, such as numbers, codes
    and most other languages, says less of whether they are language as it should be.
    """
    lengths = normal.values[:, normal.features.index(MODEL_FLUENCY)]
    return float(np.interp(np.median(lengths), _CHARACTERS_PER_MODEL_TOKEN, (0, 1)))


def trust_in_loss(spread: float) -> float:
    """Return how far the loss says by itself who wrote a text, and how well, 0 … 1.

    Where the losses of normal texts of one length lie close together (a standard deviation below
    .8 nats, wholly below .5), as those of news and longer prose do, another writer shows in the
    loss more than in anything else. Where they do not differ at all they tell nothing.
    """
    return float(np.interp(spread, _LOSS_SPREADS, (1, 0))) if spread else 0.0


def separation_by(normal: FeatureTable, strangers: FeatureTable, similarity: Feature) -> float:
    """Return the AUROC of a similarity, strangers against normal texts."""
    column = normal.features.index(similarity)
    parts = [-table.values[:, column] for table in (normal, strangers)]
    labels = np.repeat([False, True], [len(part) for part in parts])
    return auroc(labels, np.concatenate(parts))
