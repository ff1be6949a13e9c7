"""
Stands in for systemd: `notify-socket.py PATH...` listens on each PATH as on a NOTIFY_SOCKET until its stdin ends.

stdout, one line a variable: "INDEX NAME=VALUE", INDEX being that of the path. Whoever waits for a barrier is let go on.
"""

import os
import selectors
import socket
import sys

MESSAGE_BYTES = 4096
DESCRIPTORS = 4

waiting = selectors.DefaultSelector()
for index, path in enumerate(sys.argv[1:]):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    waiting.register(listener, selectors.EVENT_READ, index)
waiting.register(sys.stdin, selectors.EVENT_READ)
print("listening", flush=True)
while True:
    for key, _ in waiting.select():
        if key.data is None:
            sys.exit()
        message, descriptors, _, _ = socket.recv_fds(key.fileobj, MESSAGE_BYTES, DESCRIPTORS)
        for line in message.decode().splitlines():
            print(key.data, line, flush=True)
        for descriptor in descriptors:
            os.close(descriptor)
