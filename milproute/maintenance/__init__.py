"""Maintenance: commands that make shipped data anew."""
