"""Running a suite: executors, subprocesses, their limits, and the display."""
