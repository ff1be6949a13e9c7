"""The life of an image through cinder's image module: `with-cinder.py FILE SAVED_TO`, the token in TOKEN, the API in IMAGE_URL."""

import json
import os
import sys

from cinder import context
from cinder import objects
from cinder.image import glance
from oslo_config import cfg


def main(source, saved_to):
    objects.register_all()
    cfg.CONF([], project="cinder", default_config_files=[])
    cfg.CONF.set_override("glance_api_servers", [os.environ["IMAGE_URL"]])
    user = context.RequestContext(
        user_id=os.environ["USER_ID"],
        project_id=os.environ["OS_PROJECT_ID"],
        auth_token=os.environ["TOKEN"],
    )
    images = glance.get_default_image_service()
    meta = {"name": "with-cinder", "disk_format": "iso", "container_format": "bare", "visibility": "private"}
    # As when a volume becomes an image: first the record, then the data.
    queued = images.create(user, meta)
    with open(source, "rb") as data:
        images.update(user, queued["id"], {}, data)
    made = images.show(user, queued["id"])
    listed = images.detail(user, filters={"name": "with-cinder"})
    with open(saved_to, "wb") as data:
        images.download(user, made["id"], data)
    images.delete(user, made["id"])
    left = images.detail(user, filters={"name": "with-cinder"})
    json.dump({"made": made, "listed": ids(listed), "left": ids(left)}, sys.stdout, default=str)


def ids(images):
    return [image["id"] for image in images]


main(*sys.argv[1:])
