/** What a cloud has: Keystone, HAProxy, three nodes, and all kinds of clients. Each of these files also runs alone. */
import './behind-haproxy/glance.ts'
import './behind-haproxy/openstack.ts'
import './behind-haproxy/libraries.ts'
import './behind-haproxy/node-death.ts'
import './behind-haproxy/tokens.ts'
