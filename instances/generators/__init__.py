"""Generated instances: spec strings, synthetic and measured topologies."""
