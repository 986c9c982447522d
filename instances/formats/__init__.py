"""File formats of instances: reading, completing and writing them."""
