"""The command `connector`: arguments, stdout and stderr, exit codes. Nothing else may print."""


def main() -> None:
    """Run the command line as a process of its own, and exit with the command's exit code."""
    from connector.cli.process import configure_process, exit_code, request_exit

    configure_process()
    try:
        command_line()
    except SystemExit as ended:
        code = exit_code(ended.code)
        request_exit(code)
        raise SystemExit(code) from None


def command_line() -> None:
    """Run the command line. Raises SystemExit with the command's exit code."""
    from connector.cli.process import gc_paused

    with gc_paused():
        from connector.cli.app import app

    app()
