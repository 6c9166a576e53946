"""Features of a signature that the default detector reads by name."""

from polar_detect.signature.features import Feature

LOSS = Feature("loss", "mean")
MEMORY = Feature("memory", "ratio")
MEMORY_LOSS = Feature("memory", "loss_with")
LENGTH = Feature("length", "tokens")
SIMILARITY = Feature("neighbours", "similarity_mean")
LOCAL_SIMILARITY = Feature("neighbours", "similarity_local")
FAR_SIMILARITY = Feature("neighbours", "similarity_far")
FLUENCY = Feature.of_encoder("characters_per_token")
MODEL_FLUENCY = Feature("length", "characters_per_token")
LIKENESS = Feature("labelled", "likeness")
WORDING = Feature("labelled", "wording")
