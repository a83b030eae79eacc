"""Runs the parts as one: the command line and the lineage graph."""
