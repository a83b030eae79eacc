"""The Python models of storehouse: features in, Parquet out; no orchestration in here."""
