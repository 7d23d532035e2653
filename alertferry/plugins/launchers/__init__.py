"""Ways to run a rendered job."""
