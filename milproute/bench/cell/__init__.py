"""A cell: one solve in one fresh process."""
