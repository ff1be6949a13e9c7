/** Damage to disks, within what Serac promises to survive. */
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { isRollbackSeen, mayLoseVotes } from '../cluster/fault-budget.ts'
import { voteRowNames } from '../disk/stored-votes.ts'
import type { Stage } from './apply-event.ts'
import type { ScheduledEvent } from './schedule.ts'

export type DamageEvent = ScheduledEvent & {
  kind: 'lose-disk' | 'roll-back' | 'flip-bit' | 'lose-vote-row'
}

/** How often a flipped bit hits a vote; else it hits any row. */
const VOTE_ROW_ODDS = 0.6

/** False: it would be more than may be broken at once. */
export function applyDamage(stage: Stage, event: DamageEvent): boolean {
  switch (event.kind) {
    case 'lose-disk':
      return loseDisk(stage, event.node, event.downMs)
    case 'roll-back':
      return planRollback(stage, event)
    case 'flip-bit':
      return damageRow(stage, event, flipBit)
    case 'lose-vote-row':
      return damageRow(stage, event, () => null)
  }
}

function loseDisk({ world, cluster }: Stage, node: NodeId, downMs: number): boolean {
  if (!mayLoseVotes(cluster, node)) return false
  cluster.kill(node, 'power')
  cluster.disk(node).replace(new Map())
  cluster.harm(node)
  world.after(downMs, () => cluster.boot(node))
  return true
}

/** Keeps what the disk holds now, to bring it back later. */
function planRollback(stage: Stage, { node, ageMs, downMs }: DamageEvent & { kind: 'roll-back' }): boolean {
  const { world, cluster } = stage
  const then = cluster.node(node)
  if (!then) return false
  const past = { identity: then.store.identity(), config: then.config.current() }
  const rows = cluster.disk(node).snapshot()
  world.after(ageMs, () => {
    if (!mayLoseVotes(cluster, node) || !isRollbackSeen(cluster, node, past)) return
    stage.note('roll-back done')
    cluster.kill(node, 'power')
    cluster.disk(node).replace(rows)
    cluster.harm(node)
    world.after(downMs, () => cluster.boot(node))
  })
  return true
}

function damageRow(
  { world, cluster }: Stage,
  { kind, node, restartMs, key }: DamageEvent & { kind: 'flip-bit' | 'lose-vote-row' },
  change: (value: Buffer, random: Stage['world']['random']) => Buffer | null,
): boolean {
  if (!mayLoseVotes(cluster, node)) return false
  const disk = cluster.disk(node)
  const { random } = disk
  const hitsVote = key !== undefined || kind === 'lose-vote-row' || random.chance(VOTE_ROW_ODDS)
  const names = hitsVote ? voteRowNames(disk, key) : disk.names()
  if (names.length === 0) return false
  disk.damage(random.pick(names), (value) => change(value, random))
  cluster.harm(node)
  // Whoever finds damage starts the node again; nobody notices every kind of it while it runs.
  world.after(restartMs, () => {
    cluster.kill(node, 'process')
    cluster.boot(node)
  })
  return true
}

function flipBit(value: Buffer, random: Stage['world']['random']): Buffer {
  const changed = Buffer.from(value)
  const at = random.below(changed.length)
  changed.writeUInt8(changed.readUInt8(at) ^ (1 << random.below(8)), at)
  return changed
}
