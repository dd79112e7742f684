"""Three tiny plugins that share nothing with ours: values, nodes of a graph, a pool that is all there is."""
