"""Prints each notification as a line of JSON, as any OpenStack service would be handed it by oslo.messaging."""

import json
import sys

import oslo_messaging
from oslo_config import cfg


class Printer:
    def info(self, context, publisher, event, payload, metadata):
        self.tell('INFO', publisher, event, payload, metadata)

    def error(self, context, publisher, event, payload, metadata):
        self.tell('ERROR', publisher, event, payload, metadata)

    def tell(self, priority, publisher, event, payload, metadata):
        told = {'priority': priority, 'publisher': publisher, 'event': event, 'payload': payload, 'metadata': metadata}
        sys.stdout.write(json.dumps(told) + '\n')
        sys.stdout.flush()


conf = cfg.ConfigOpts()
conf([])
transport = oslo_messaging.get_notification_transport(conf, url=sys.argv[1])
for name, value in (argument.split('=') for argument in sys.argv[2:]):
    conf.set_override(name, value == 'true', group='oslo_messaging_rabbit')
target = oslo_messaging.Target(topic='notifications', exchange='glance')
listener = oslo_messaging.get_notification_listener(transport, [target], [Printer()], executor='threading')
# One after the other, in the order in which they come.
conf.set_override('executor_thread_pool_size', 1)
listener.start()
print('listening', file=sys.stderr, flush=True)
listener.wait()
