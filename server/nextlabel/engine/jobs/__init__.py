"""The worker, and the jobs that it runs."""
