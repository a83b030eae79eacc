"""`storehouse sql`: the lake and the published file in one place for queries."""
