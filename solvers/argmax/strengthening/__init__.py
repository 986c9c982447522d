"""Strengthening of an embedded net: bound tightening by linear programs, cutting planes."""
