"""What a job is, how it becomes a Spark script, and what that script calls."""
