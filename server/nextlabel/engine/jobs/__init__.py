"""The queue of jobs and the worker that runs them."""
