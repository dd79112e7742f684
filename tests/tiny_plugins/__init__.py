"""Three tiny third-party plugins: regression, classification of graph nodes, and a transductive learner."""
