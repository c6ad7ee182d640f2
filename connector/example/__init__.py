"""The example project that `connector init` writes: the repository's own project folder."""
