"""The argmax of a Q-net over an action set: engines, column generation, strengthening."""
