"""`storehouse trace`: a number followed back to loads, files and lines, and the trace shown."""

from orchestration.lib.trace.tracer import parse_key, trace

__all__ = ["parse_key", "trace"]
