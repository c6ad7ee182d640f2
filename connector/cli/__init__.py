"""The command `connector`: arguments, stdout and stderr, exit codes; nothing else may print."""


def main() -> None:
    """Runs the command line as a process of its own, which ends with the command's exit code."""
    from connector.cli.process import begin, end_soon, exit_code

    begin()
    try:
        command_line()
    except SystemExit as ended:
        code = exit_code(ended.code)
        end_soon(code)
        raise SystemExit(code) from None


def command_line() -> None:
    """Runs the command line. Raises SystemExit with the command's exit code."""
    from connector.cli.loading import loading

    with loading():
        from connector.cli.app import app

    app()
