"""The life of an image through nova's image module: `with-nova.py FILE SAVED_TO`, the user's token in TOKEN, the API in IMAGE_URL."""

import json
import os
import sys

import nova.conf
from nova import context
from nova.image import glance


def main(source, saved_to):
    nova.conf.CONF([], project="nova", default_config_files=[])
    nova.conf.CONF.set_override("api_servers", [os.environ["IMAGE_URL"]], "glance")
    user = context.RequestContext(
        user_id=os.environ["USER_ID"],
        project_id=os.environ["OS_PROJECT_ID"],
        auth_token=os.environ["TOKEN"],
    )
    images = glance.API()
    meta = {
        "name": "with-nova",
        "disk_format": "iso",
        "container_format": "bare",
        "visibility": "private",
        # As of a snapshot: nova's properties are text, whatever they mean.
        "properties": {"base_image_ref": "", "image_type": "snapshot", "instance_uuid": "7"},
    }
    with open(source, "rb") as data:
        made = images.create(user, meta, data=data)
    listed = images.get_all(user, filters={"image_type": "snapshot"})
    images.download(user, made["id"], dest_path=saved_to)
    images.delete(user, made["id"])
    left = images.get_all(user, filters={"image_type": "snapshot"})
    json.dump({"made": made, "listed": ids(listed), "left": ids(left)}, sys.stdout, default=str)


def ids(images):
    return [image["id"] for image in images]


main(*sys.argv[1:])
