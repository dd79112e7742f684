"""Projects, data sets, labels, queries, training and predictions, without HTTP or a terminal."""
