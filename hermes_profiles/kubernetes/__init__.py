"""A root as a Kubernetes place: the rendered files, and the pod behind them."""
