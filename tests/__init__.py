"""A regular package, so that no installed one of this name, as some libraries bring, stands in."""
