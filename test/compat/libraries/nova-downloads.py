"""
Downloads one image many times at once through nova's image module: `nova-downloads.py IMAGE_ID REQUEST_ID...`, a thread for each
request id, by which its requests are known in the logs. The token comes in TOKEN, the API's URL in IMAGE_URL.

stdout, one JSON object a line: {"requestId", "begun": true} at the first bytes of a download; {"requestId", "md5"} or
{"requestId", "error"} at its end.
"""

import hashlib
import json
import logging
import os
import sys
import threading

import nova.conf
from nova import context
from nova.image import glance


# Of several threads that write at once a stream may lose lines.
telling = threading.Lock()


class Sink:
    """Takes the place of the file on a compute node's disk."""

    def __init__(self, on_begin):
        self.hash = hashlib.md5()
        self.on_begin = on_begin

    def write(self, piece):
        if self.on_begin:
            self.on_begin()
            self.on_begin = None
        self.hash.update(piece)


def main(image_id, *request_ids):
    logging.disable()
    nova.conf.CONF([], project="nova", default_config_files=[])
    nova.conf.CONF.set_override("api_servers", [os.environ["IMAGE_URL"]], "glance")
    # What nova imports and registers on first use is no work for many threads at once.
    glance.API()
    users = [caller(id) for id in request_ids]
    threads = [threading.Thread(target=download, args=(image_id, user)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def caller(request_id):
    return context.RequestContext(
        user_id=os.environ["USER_ID"],
        project_id=os.environ["OS_PROJECT_ID"],
        auth_token=os.environ["TOKEN"],
        request_id=request_id,
    )


def download(image_id, user):
    request_id = user.request_id
    sink = Sink(lambda: tell(requestId=request_id, begun=True))
    try:
        glance.API().download(user, image_id, data=sink)
    except Exception as error:
        tell(requestId=request_id, error=f"{type(error).__name__}: {error}")
    else:
        tell(requestId=request_id, md5=sink.hash.hexdigest())


def tell(**facts):
    with telling:
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


def fail(thrown):
    """A thread that dies says so: without it one download would be missing, and nobody could tell why."""
    sys.excepthook(thrown.exc_type, thrown.exc_value, thrown.exc_traceback)
    os._exit(1)


threading.excepthook = fail
main(*sys.argv[1:])
