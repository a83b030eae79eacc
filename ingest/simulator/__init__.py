"""The simulated shop: extracts with seasons, fraud and dirt, and the truth behind them."""

from ingest.simulator.run import Summary, simulate

__all__ = ["Summary", "simulate"]
