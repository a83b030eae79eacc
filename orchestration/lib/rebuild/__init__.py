"""Other homes built from what is landed: as it was known at a time, or batch by batch."""
