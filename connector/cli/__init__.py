"""The command `connector`: arguments, stdout and stderr, exit codes; nothing else may print."""


def main() -> None:
    """Runs the command line; ends the process with the command's exit code."""
    from connector.cli.loading import begin, loading

    begin()
    with loading():
        from connector.cli.app import app

    app()
