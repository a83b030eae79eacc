"""The HTTP collector: records of a source come by request and go to sealed segment files."""
