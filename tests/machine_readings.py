"""Rows of machines, of which the flow goes with the pressure."""

import numpy as np
import pandas as pd


def readings(n_rows=60, seed=0):
    rng = np.random.default_rng(seed)
    pressure = 6 + rng.normal(0, 0.5, n_rows)
    return pd.DataFrame({
        "machine": rng.choice(["press", "lathe", "mill"], n_rows),
        "pressure [bar]": [f"{v:.2f}" for v in pressure],
        "flow [l/min]": [f"{v:.1f}" for v in 20 * pressure + rng.normal(0, 1, n_rows)],
    })  # fmt: skip
