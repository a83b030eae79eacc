"""How good the Python models are, against what was planted, baselines and other libraries."""
