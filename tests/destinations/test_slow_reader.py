"""A body arrives whole at a server that reads it slowly."""

import socket
import threading
import time
from random import Random

import httpcore
import pytest

from connector.destinations.tiktok.deadline import LONGEST_WAIT, Backend, Deadline

BODY = Random(7).randbytes(16 << 20)
"""More than the buffers of a connection hold."""


@pytest.fixture
def server() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_what_could_not_be_sent_for_now_is_sent_later(server: socket.socket) -> None:
    received = bytearray()

    def read() -> None:
        with server, server.accept()[0] as connection:
            time.sleep(3 * LONGEST_WAIT)
            while piece := connection.recv(1 << 20):
                received.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    deadline = Deadline(threading.Event())
    deadline.begin(60)
    stream = Backend(deadline).connect_tcp("127.0.0.1", server.getsockname()[1])
    stream.write(BODY)
    stream.close()
    reader.join()
    assert received == BODY


def test_a_server_that_does_not_read_is_given_up_at_the_deadline(server: socket.socket) -> None:
    deadline = Deadline(threading.Event())
    deadline.begin(0.3)
    with server:
        stream = Backend(deadline).connect_tcp("127.0.0.1", server.getsockname()[1])
        with pytest.raises(httpcore.WriteTimeout, match="took too long"):
            stream.write(BODY)
        stream.close()
