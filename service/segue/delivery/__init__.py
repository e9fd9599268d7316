"""Where Bundles go, and what has to have happened before a message is accepted."""
