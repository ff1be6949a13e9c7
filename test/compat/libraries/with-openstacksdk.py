"""The life of an image through openstacksdk: `with-openstacksdk.py FILE SAVED_TO`, credentials in OS_*."""

import json
import sys

import openstack


def main(source, saved_to):
    images = openstack.connect().image
    made = images.create_image(
        "with-openstacksdk",
        filename=source,
        disk_format="iso",
        container_format="bare",
        wait=True,
        timeout=60,
    )
    made = images.get_image(made.id)
    listed = ids(images)
    images.download_image(made, output=saved_to)
    images.delete_image(made, ignore_missing=False)
    json.dump({"made": made.to_dict(), "listed": listed, "left": ids(images)}, sys.stdout, default=str)


def ids(images):
    return [image.id for image in images.images(name="with-openstacksdk")]


main(*sys.argv[1:])
