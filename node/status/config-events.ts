/** What a new cluster config changes, as events. */
import { isDeepStrictEqual } from 'node:util'
import type { ClusterConfig } from '../../cluster/membership/cluster-config.ts'
import type { EventNote } from './event-log.ts'

/** `fields` are for the log alone. */
export type ConfigEvent = EventNote & { fields: Readonly<Record<string, unknown>> }

export function configEvents(before: ClusterConfig, now: ClusterConfig): ConfigEvent[] {
  return [...memberEvents(before, now), ...voterEvents(before, now), epochEvent(now)]
}

function memberEvents(before: ClusterConfig, now: ClusterConfig): ConfigEvent[] {
  const { epoch } = now
  const joined = now.nodes.filter(({ id }) => !before.nodes.some((node) => node.id === id))
  const removed = before.nodes.filter(({ id }) => !now.nodes.some((node) => node.id === id))
  const changed = now.nodes.filter((node) => {
    const known = before.nodes.find(({ id }) => id === node.id)
    return known && !isDeepStrictEqual(known, node)
  })
  const note = { severity: 'info' as const, fields: { epoch } }
  return [
    ...joined.map(({ id, address, role }) => ({
      ...note,
      kind: 'NODE_JOINED' as const,
      who: id,
      text: `The node ${address} is a member now (${role}).`,
    })),
    ...removed.map(({ id, address }) => ({
      ...note,
      kind: 'NODE_REMOVED' as const,
      who: id,
      text: `The node ${address} is no member any more.`,
    })),
    ...changed.map(({ id, address, zone, weight, role, drained }) => ({
      ...note,
      kind: 'NODE_CHANGED' as const,
      who: id,
      text: `The node is ${role} at ${address} now, zone ${zone ?? 'of its own'}, weight ${weight}${drained ? ', drained' : ''}.`,
    })),
  ]
}

function voterEvents({ voters: before }: ClusterConfig, { epoch, voters }: ClusterConfig): ConfigEvent[] {
  if (isDeepStrictEqual(before.toSorted(), voters.toSorted())) return []
  const text = `${voters.length} nodes vote now.`
  return [{ kind: 'VOTERS_CHANGED', severity: 'info', who: null, text, fields: { epoch, voters } }]
}

function epochEvent({ epoch, joint, voters }: ClusterConfig): ConfigEvent {
  const text = joint
    ? `Epoch ${epoch}: the voters change from ${voters.length} to ${joint.length}.`
    : `Epoch ${epoch} is in force, with ${voters.length} voters.`
  return { kind: 'CONFIG_CHANGED', severity: 'info', who: null, text, fields: { epoch } }
}
