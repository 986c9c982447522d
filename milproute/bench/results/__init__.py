"""Result folders: one file for each finished cell."""
