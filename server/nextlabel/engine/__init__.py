"""What is decided: plugins, pool scoring, the loop, training, the live model. Knows no HTTP."""
