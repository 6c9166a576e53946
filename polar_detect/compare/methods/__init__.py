"""Who is compared: what is read of a row, the baselines, and which detectors of ours run."""
