"""The simulator as a process: writes its URL on one line, then serves until its input ends."""

import sys

from connector.simulator.server import Local


def main(port: int) -> None:
    """Serve on `port` (0: a free one)."""
    running = Local(port)
    sys.stdout.write(running.url + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    running.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
