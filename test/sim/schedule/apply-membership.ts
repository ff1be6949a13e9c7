/** Changes of the membership, asked for at some node, under load. */
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { mayBecomeVoters } from '../cluster/fault-budget.ts'
import type { Stage } from './apply-event.ts'
import type { ScheduledEvent } from './schedule.ts'

export type MembershipEvent = ScheduledEvent & {
  kind: 'set-voters' | 'abort-change' | 'remove-node' | 'put-node'
}

/** False: the node that is to be asked is down, or too much is broken for such a change. */
export function applyMembership(stage: Stage, event: MembershipEvent): boolean {
  const membership = stage.cluster.node(event.at)?.registers.membership
  if (!membership) return false
  const ended = (name: string, change: Promise<unknown>) =>
    void change.then(
      () => stage.note(`${name} done`),
      (error: unknown) => stage.note(`${name} failed: ${codeOf(error)}`),
    )
  switch (event.kind) {
    case 'set-voters':
      if (!mayBecomeVoters(stage.cluster, stage.cluster.newestConfig(), event.voters)) return false
      stage.cluster.wantedVoters.push(event.voters)
      ended('set-voters', membership.setVoters(event.voters))
      return true
    case 'abort-change':
      ended('abort-change', membership.abort())
      return true
    case 'remove-node':
      ended('remove-node', membership.removeNode(event.node))
      return true
    case 'put-node':
      ended('put-node', membership.putNode(storageMember(event.node)))
      return true
  }
}

export function storageMember(id: NodeId) {
  return { id, address: '', role: 'storage' as const, zone: null, weight: 1 }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
