/** Checks on what the nodes say of their disks: what is wrong now, and what was found wrong when they started. */
import type { StoreCondition } from '../store/store.ts'
import type { ClusterStatus, Finding, NodeStatus } from './status-types.ts'

type Facts = Pick<ClusterStatus, 'nodes' | 'quorum'>

const HEALS = 'Nothing while another node has them: the updater pulls them again. See whether the disk fails.'

export function storeFaults({ nodes, quorum }: Facts): Finding[] {
  return nodes.flatMap((node) => [
    ...(node.store
      ? [...unusable(node, node.store, quorum.canWrite), ...foundAtStart(node, node.store)]
      : []),
    ...damaged(node),
    ...recordsDiffered(node),
  ])
}

function unusable({ id }: NodeStatus, store: StoreCondition, canWrite: boolean): Finding[] {
  const findings: Finding[] = []
  if (store.failure !== null)
    findings.push({
      code: 'STORE_NOT_WRITABLE',
      severity: canWrite ? 'warning' : 'critical',
      who: id,
      why: `The disk of node ${id} refuses writes: ${store.failure}.`,
      remedy:
        'See whether the disk fails, is full or was mounted read-only. When it takes writes again, the node does by ' +
        'itself; until then it does not vote, and others store its images.',
    })
  if (store.isFull)
    findings.push({
      code: 'STORE_FULL',
      severity: 'warning',
      who: id,
      why: `Node ${id} takes no more image data: it keeps ${store.freeBytesMin} bytes of its disk free.`,
      remedy:
        'Delete images, or give it a larger disk. What is deleted is freed after [store] reclaim_grace.',
    })
  return findings
}

/** Stays until the node starts again; a warning as long as something of it is not healed. */
function foundAtStart(node: NodeStatus, store: StoreCondition): Finding[] {
  const { id } = node
  const findings: Finding[] = []
  if (store.registersLost)
    findings.push({
      code: 'REGISTERS_LOST',
      severity: 'info',
      who: id,
      why:
        `Node ${id} could not read its registers when it started. It set them aside as meta.damaged and got all of ` +
        'them from the others.',
      remedy: 'Nothing: it votes again once they have let it in. See whether the disk fails.',
    })
  if (store.indexRebuilt !== null)
    findings.push({
      code: 'INDEX_REBUILT',
      severity: 'info',
      who: id,
      why:
        `Node ${id} could not read its chunk index when it started. It set it aside as chunks.damaged and made it anew ` +
        `from its segment files, which hold ${store.indexRebuilt} records.`,
      remedy: 'Nothing: the updater looks at every image again. See whether the disk fails.',
    })
  if (store.lostChunks > 0 || store.rescuedChunks > 0 || store.lostSegments > 0)
    findings.push(chunksLost(node, store))
  return findings
}

function chunksLost({ id, integrity }: NodeStatus, store: StoreCondition): Finding {
  const { lostChunks, lostSegments, rescuedChunks } = store
  return {
    code: 'CHUNKS_LOST',
    severity: integrity && integrity.quarantined > 0 ? 'warning' : 'info',
    who: id,
    why:
      `When node ${id} started, ${lostSegments} of its segment files were gone. ${lostChunks} chunks, or claims on some, were ` +
      `lost to its index, with them or with damaged rows; ${rescuedChunks} that it had forgotten were found again.`,
    remedy: HEALS,
  }
}

function damaged({ id, integrity }: NodeStatus): Finding[] {
  if (!integrity || integrity.quarantined === 0) return []
  const { quarantined, found, healed } = integrity
  return [
    {
      code: 'CHUNKS_DAMAGED',
      severity: 'warning',
      who: id,
      why:
        `${quarantined} chunks on the disk of node ${id} are damaged and not healed yet; since its start ` +
        `${found} were found and ${healed} healed.`,
      remedy: HEALS,
    },
  ]
}

/** Stays until the node starts again: what was wrong is right already, but somebody may have been shown it. */
function recordsDiffered({ id, records }: NodeStatus): Finding[] {
  if (!records || records.healed === 0) return []
  return [
    {
      code: 'RECORDS_DIFFERED',
      severity: 'info',
      who: id,
      why:
        `${records.healed} records of node ${id} were damaged, or not what a majority has; they were learned anew. Until ` +
        'then its lists may have shown those images wrong.',
      remedy: 'Nothing: they are right now. See whether its disk fails.',
    },
  ]
}
