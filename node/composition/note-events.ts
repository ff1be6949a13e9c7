/** Notes what happens to the cluster as events, as this node sees it: nodes come and go, members change, chunks rot. */
import type { Cluster } from '../../cluster/cluster.ts'
import type { ClusterConfig } from '../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { configEvents } from '../status/config-events.ts'
import type { EventLog } from '../status/event-log.ts'
import type { Store } from '../store/store.ts'
import { SERAC_VERSION } from '../version.ts'

export interface EventSources {
  self: NodeId
  cluster: Cluster
  store: Store
  currentConfig: CurrentConfig
}

export function noteEvents({ self, cluster, store, currentConfig }: EventSources, events: EventLog): void {
  const text = `The node has started, release ${SERAC_VERSION}.`
  events.note({ kind: 'NODE_STARTED', severity: 'info', who: self, text }, { version: SERAC_VERSION })
  const { liveness } = cluster.control
  liveness.on('alive', (who) =>
    events.note({ kind: 'NODE_ALIVE', severity: 'good', who, text: 'The node answers.' }),
  )
  liveness.on('suspect', (who) =>
    events.note({ kind: 'NODE_SUSPECT', severity: 'info', who, text: 'The node is silent.' }),
  )
  liveness.on('dead', (who) =>
    events.note({ kind: 'NODE_DEAD', severity: 'warning', who, text: 'The node does not answer any more.' }),
  )
  // Damage found in one breath is one event, as it would be one complaint.
  store.chunks.onDamaged(() =>
    events.note({
      kind: 'CHUNK_DAMAGED',
      severity: 'warning',
      who: self,
      text: 'A chunk on its disk was found damaged and set aside; it is fetched from the others.',
    }),
  )
  let before: ClusterConfig = currentConfig.current()
  currentConfig.onChanged((config) => {
    for (const { fields, ...note } of configEvents(before, config)) events.note(note, fields)
    before = config
  })
}
