"""
The life of an image through libcloud: `with-libcloud.py FILE SAVED_TO`, credentials in OS_*. libcloud has no calls for an
image's record and data; its connection, which logs in and finds the service, is asked for these.
"""

import json
import os
import sys

from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider


def main(source, saved_to):
    driver = get_driver(Provider.OPENSTACK)(
        os.environ["OS_USERNAME"],
        os.environ["OS_PASSWORD"],
        api_version="2.2",
        ex_force_auth_url=os.environ["OS_AUTH_URL"].removesuffix("/v3"),
        ex_force_auth_version="3.x_password",
        ex_tenant_name=os.environ["OS_PROJECT_NAME"],
        ex_domain_name="Default",
        ex_force_service_region=os.environ["OS_REGION_NAME"],
    )
    connection = driver.image_connection
    record = {"name": "with-libcloud", "disk_format": "iso", "container_format": "bare"}
    made = connection.request("/v2/images", method="POST", data=record).object
    path = "/v2/images/" + made["id"]
    upload(connection, path, source)
    driver.ex_update_image(
        made["id"], [{"op": "add", "path": "/os_distro", "value": "grub"}]
    )
    listed = ids(driver)
    with open(saved_to, "wb") as data:
        data.write(connection.request(path + "/file", raw=True).response.body)
    made = connection.request(path).object
    connection.request(path, method="DELETE")
    json.dump({"made": made, "listed": listed, "left": ids(driver)}, sys.stdout)


def upload(connection, path, source):
    # All that it sends is JSON, but for this.
    connection.default_content_type = "application/octet-stream"
    connection.encode_data = lambda data: data
    with open(source, "rb") as data:
        connection.request(path + "/file", method="PUT", data=data.read())
    del connection.default_content_type, connection.encode_data


def ids(driver):
    return [image.id for image in driver.list_images() if image.name == "with-libcloud"]


main(*sys.argv[1:])
