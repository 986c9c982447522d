"""Records: what a benchmark cell was asked, where it ran, and how it ended."""
