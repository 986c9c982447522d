"""ReLU nets as rows of a model: bounds of neurons, and formulations that OMLT builds."""
