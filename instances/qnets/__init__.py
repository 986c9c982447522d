"""Q-nets: feed-forward ReLU networks Q(state, action), their features, and their files."""
