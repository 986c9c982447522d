"""Solution methods: exact, rounding, fill, whole slots."""
