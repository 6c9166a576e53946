"""Features of a signature that are asked for one by one, where they are made and where read."""

from polar_detect.features.table import Feature

LOSS = Feature("loss", "mean")
MEMORY_RATIO = Feature("memory", "ratio")
MEMORY_LOSS = Feature("memory", "loss_with")
LENGTH = Feature("length", "tokens")
SIMILARITY = Feature("neighbours", "similarity_mean")
# What passages but the strangest take off the score of a text.
OTHER_PASSAGES = Feature("passages", "others")
LOCAL_SIMILARITY = Feature("neighbours", "similarity_local")
FAR_SIMILARITY = Feature("neighbours", "similarity_far")
FLUENCY = Feature.of_encoder("characters_per_token")
MODEL_FLUENCY = Feature("length", "characters_per_token")
# Signatures have these where so many different texts are labelled anomalous: fewer say nothing of
# what they have in common.
MIN_TEACHING_TEXTS = 3
SENTENCE_LIKENESS = Feature("labelled", "likeness")
WORDING_LIKENESS = Feature("labelled", "wording")
