/** Does to the cluster what a schedule says. Every fault ends by itself; what it cannot do now, it leaves. */
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import type { Clients } from '../cluster/clients.ts'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import type { SimNetwork } from '../world/sim-network.ts'
import type { SimWorld } from '../world/sim-world.ts'
import { applyDamage } from './apply-damage.ts'
import { applyMembership } from './apply-membership.ts'
import type { ScheduledEvent } from './schedule.ts'

export interface Stage {
  world: SimWorld
  network: SimNetwork
  cluster: SimCluster
  clients: Clients
  /** Counts something that took place. */
  note: (name: string) => void
}

export function applyEvent(stage: Stage, event: ScheduledEvent): void {
  const isDone = apply(stage, event)
  if (event.kind !== 'session') stage.note(isDone ? event.kind : `${event.kind} left out`)
}

/** False: it cannot be done now. */
function apply(stage: Stage, event: ScheduledEvent): boolean {
  switch (event.kind) {
    case 'session':
      void stage.clients.session(event.steps)
      return true
    case 'crash':
      return crash(stage, event)
    case 'pause':
      stage.cluster.host(event.node)?.pauseUntil(stage.world.nowMs + event.forMs)
      return true
    case 'cut':
    case 'partition':
    case 'slow-link':
    case 'hold':
      return disturbNetwork(stage, event)
    case 'disk-stall':
    case 'disk-full':
    case 'failed-sync':
      return troubleDisk(stage, event)
    case 'clock-jump':
      stage.cluster.clockError(event.node).wallSkewMs += event.byMs
      return true
    case 'lose-disk':
    case 'roll-back':
    case 'flip-bit':
    case 'lose-vote-row':
      return applyDamage(stage, event)
    case 'set-voters':
    case 'abort-change':
    case 'remove-node':
    case 'put-node':
      return applyMembership(stage, event)
  }
}

function crash({ world, cluster }: Stage, event: ScheduledEvent & { kind: 'crash' }): boolean {
  if (!cluster.host(event.node)) return false
  cluster.kill(event.node, event.how)
  world.after(event.downMs, () => cluster.boot(event.node))
  return true
}

function disturbNetwork(
  stage: Stage,
  event: ScheduledEvent & { kind: 'cut' | 'partition' | 'slow-link' | 'hold' },
): boolean {
  const { world, network } = stage
  if (event.kind === 'partition') partition(stage, event)
  if (event.kind === 'cut') world.after(event.forMs, network.cut(event.from, event.to))
  if (event.kind === 'hold') world.after(event.forMs, network.hold(event.from, event.to, event.byMs))
  if (event.kind === 'slow-link') world.after(event.forMs, network.slow(event.from, event.to, event.factor))
  return true
}

function troubleDisk(
  { world, cluster }: Stage,
  event: ScheduledEvent & { kind: 'disk-stall' | 'disk-full' | 'failed-sync' },
): boolean {
  const disk = cluster.disk(event.node)
  if (event.kind === 'disk-stall') disk.stalledUntilMs = world.nowMs + event.forMs
  if (event.kind === 'disk-full') disk.fullUntilMs = world.nowMs + event.forMs
  if (event.kind === 'failed-sync') disk.failsNextSync = true
  return true
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
