/** Does to the cluster what a schedule says. Every fault ends by itself; what it cannot do now, it leaves. */
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import type { Clients } from '../cluster/clients.ts'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import type { SimNetwork } from '../world/sim-network.ts'
import type { SimWorld } from '../world/sim-world.ts'
import type { ScheduledEvent } from './schedule.ts'

export interface Stage {
  world: SimWorld
  network: SimNetwork
  cluster: SimCluster
  clients: Clients
  /** Events that took place, by kind. */
  done: Map<string, number>
}

export function applyEvent(stage: Stage, event: ScheduledEvent): void {
  const { world, network, cluster } = stage
  const lasting = (forMs: number, end: () => void) => void world.after(forMs, end)
  switch (event.kind) {
    case 'session':
      return void stage.clients.session(event.steps)
    case 'crash':
      cluster.kill(event.node, event.how)
      return lasting(event.downMs, () => cluster.boot(event.node))
    case 'pause':
      return cluster.host(event.node)?.pauseUntil(world.nowMs + event.forMs)
    case 'cut':
      return lasting(event.forMs, network.cut(event.from, event.to))
    case 'partition':
      return partition(stage, event)
    case 'slow-link':
      return lasting(event.forMs, network.slow(event.from, event.to, event.factor))
    case 'disk-stall':
      cluster.disk(event.node).stalledUntilMs = world.nowMs + event.forMs
      return
    case 'disk-full':
      cluster.disk(event.node).fullUntilMs = world.nowMs + event.forMs
      return
    case 'failed-sync':
      cluster.disk(event.node).failsNextSync = true
      return
    case 'clock-jump':
      cluster.clockError(event.node).wallSkewMs += event.byMs
      return
  }
}

function partition(
  { world, network, cluster }: Stage,
  { side, forMs, swizzled }: ScheduledEvent & { kind: 'partition' },
): void {
  const isInside = (id: NodeId) => side.includes(id)
  for (const from of cluster.ids)
    for (const to of cluster.ids) {
      if (isInside(from) === isInside(to)) continue
      world.after(forMs * (swizzled ? 0.3 + world.random.float() : 1), network.cut(from, to))
    }
}
