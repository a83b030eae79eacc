"""What exists: the assets, jobs, schedules and sensors of the graph."""
