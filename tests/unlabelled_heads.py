"""The detectors that can be fitted on texts without labels."""

from polar_detect.detectors import HEADS, TextsHead

# Each kind once: `texts` is `auto` by another name.
UNLABELLED = sorted(
    name
    for name, head in HEADS.items()
    if head.reads_texts and not head.needs_labels and head is not TextsHead
)
