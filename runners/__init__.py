"""Above the wings: introduces estimators to tasks, runs them, saves what was found."""
