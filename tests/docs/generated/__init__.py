"""The generated pages of `docs/reference`: `make docs` writes them, a test compares them with what it would write."""
