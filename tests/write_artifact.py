"""Write the artifact that later versions have to load: models, detector, expected scores.

    python tests/write_artifact.py VERSION      e.g. 0.1

Once with each minor version, into `tests/artifacts/VERSION`; never over one that is there.
Everything is tiny: the weights are of random models, and come along.
"""

import copy
import json
import os
import sys
from math import isnan
from pathlib import Path

from tiny_encoders import ENCODERS, save_tiny_encoder
from tiny_models import CONFIGS, save_tiny
from work_orders import NEW, NORMAL, STRANGE

from polar_detect.artifact.sealing import MANIFEST, sealed
from polar_detect.detector import PolarDetector

FOLDER = Path(__file__).parent / "artifacts"
TEXTS = [*NEW, *STRANGE]
_SHORT = [text.split(",")[0].removesuffix(" again") for text in NORMAL[:40]]
_SMALL = {"hidden_size": 16, "intermediate_size": 24}


def write(version: str) -> Path:
    """Fit with tiny models in the working directory, so that their paths are relative."""
    folder = FOLDER / version
    folder.mkdir(parents=True)
    os.chdir(folder)
    decoder, encoder = copy.deepcopy(CONFIGS["llama"]), copy.deepcopy(ENCODERS["bert"])
    for config in (decoder, encoder):
        config.update({**_SMALL, "num_hidden_layers": 3})
    ENCODERS["small"] = encoder
    save_tiny(decoder, Path("model"))
    save_tiny_encoder("small", Path("encoder"), n_layers=3)
    detector = PolarDetector(model="model", encoder="encoder", max_tokens=24).fit(_SHORT)
    detector.save("detector")
    _make_relative(Path("detector", MANIFEST))
    assessment = detector.assess(TEXTS)
    expected = {
        "texts": TEXTS,
        "scores": [None if isnan(score) else round(score, 4) for score in assessment.scores],
        "p_values": [None if isnan(p) else round(p, 4) for p in assessment.p_values],
        "neighbours": assessment.neighbours,
    }
    Path("expected.json").write_text(json.dumps(expected, indent=1), encoding="utf-8")
    return folder


def _make_relative(path: Path) -> None:
    """Put the models' paths back that saving made absolute, and seal the manifest anew."""
    manifest = json.loads(path.read_text(encoding="utf-8"))
    del manifest["seal"]
    manifest["settings"]["model"] = "model"
    for part in ("model", "encoder"):
        manifest[part]["name"] = part
    path.write_bytes(sealed(manifest))


if __name__ == "__main__":
    print(write(sys.argv[1]))  # noqa: T201 - a script
