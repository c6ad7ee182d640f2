"""Changes of a project's files, which leave every other line as it is."""
