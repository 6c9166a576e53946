"""The default detector of texts, for rows too that their columns would do for."""

from polar_detect.detectors.auto import AutoHead


class TextsHead(AutoHead):
    """The views of `AutoHead`, by a name that says that models read whatever it is given."""

    name = "texts"
