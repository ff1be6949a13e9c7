/** What a cloud has: Keystone, HAProxy, three nodes, and all kinds of clients. Each of these files also runs alone. */
import t from 'tap'
import { controllers } from './behind-haproxy/controllers.ts'

t.comment(`HAProxy is ${controllers.haproxy.url}`)
await import('./behind-haproxy/glance.ts')
await import('./behind-haproxy/openstack.ts')
await import('./behind-haproxy/libraries.ts')
await import('./behind-haproxy/node-death.ts')
await import('./behind-haproxy/rolling-restart.ts')
await import('./behind-haproxy/refused-uploads.ts')
await import('./behind-haproxy/limits.ts')
await import('./behind-haproxy/tls.ts')
await import('./behind-haproxy/tokens.ts')
