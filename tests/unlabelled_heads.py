"""The detectors that can be fitted without labels."""

from polar_detect.detectors import HEADS

UNLABELLED = sorted(name for name, head in HEADS.items() if not head.needs_labels)
