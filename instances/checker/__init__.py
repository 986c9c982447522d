"""The independent checker: what a plan must keep, rule by rule, from instance and plan alone."""
