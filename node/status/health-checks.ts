/** Coded checks and the verdict that follows from them (architecture §7). */
import type { RescanProgress } from '../../cluster/register/rescan.ts'
import type { BlockedTombstones } from '../loops/tombstone-reaper.ts'
import { backendFaults } from './backend-checks.ts'
import { drainRemarks } from './drain-checks.ts'
import { oldGlanceRemarks } from './old-glance-checks.ts'
import { storeFaults } from './store-checks.ts'
import type { ClusterStatus, Finding, Verdict } from './status-types.ts'

type Facts = Pick<
  ClusterStatus,
  'nodes' | 'quorum' | 'redundancy' | 'voterChange' | 'out' | 'oldGlance' | 'stores'
> & {
  /** Peers that were not let in, and why. */
  refusals: readonly { peer: string; code: string; reason: string }[]
  /** Nodes that do not vote although they should, and why. */
  abstentions: readonly { node: string; reason: string }[]
  blockedTombstones: readonly BlockedTombstones[]
}

export function findFaults(facts: Facts): Finding[] {
  return [
    ...quorumFaults(facts),
    ...nodeFaults(facts),
    ...redundancyFaults(facts),
    ...placementFaults(facts),
    ...drainRemarks(facts),
    ...facts.refusals.map(({ peer, code, reason }) => refusal(peer, code, reason)),
    ...voterFaults(facts),
    ...tombstoneFaults(facts),
    ...storeFaults(facts),
    ...backendFaults(facts),
    ...pausedLoops(facts),
    ...mixedReleases(facts),
    ...oldGlanceRemarks(facts),
  ]
}

export function verdictOf(facts: Pick<Facts, 'quorum'>, findings: readonly Finding[]): Verdict {
  if (findings.some(({ code, severity }) => severity === 'critical' && code !== 'NO_QUORUM'))
    return 'CRITICAL'
  if (!facts.quorum.canWrite) return 'READ-ONLY'
  return findings.some(({ severity }) => severity === 'warning') ? 'DEGRADED' : 'HEALTHY'
}

/** The one sentence that an operator reads first. */
export function summaryOf(status: Pick<ClusterStatus, 'images' | 'redundancy' | 'quorum' | 'nodes'>): string {
  const { redundancy, quorum, nodes } = status
  const up = nodes.filter(({ state }) => state === 'alive').length
  const nodesUp = `${up} of ${nodes.length} nodes up`
  if (!quorum.canWrite) return `${nodesUp}; no majority of voters: nothing can be changed.`
  if (!redundancy) return `${nodesUp}; the images are not known yet.`
  const total = redundancy.full + redundancy.underReplicated + redundancy.unavailable + redundancy.unknown
  if (total === 0) return `${nodesUp}; no image has data yet.`
  if (redundancy.full === total) return `${nodesUp}; all ${total} images with data have every copy.`
  return `${nodesUp}; ${redundancy.full} of ${total} images with data have every copy.`
}

function quorumFaults({ quorum }: Facts): Finding[] {
  if (quorum.canWrite) return []
  const { votersUp, votersTotal, needed } = quorum
  const why = `${votersUp} of ${votersTotal} voters answer; ${needed} are needed.`
  return [
    { code: 'NO_QUORUM', severity: 'critical', who: null, why, remedy: 'Bring the missing voters back.' },
  ]
}

function nodeFaults({ nodes }: Facts): Finding[] {
  const missing = nodes
    .filter(({ state }) => state !== 'alive')
    .map((node): Finding => ({
      code: 'NODE_DOWN',
      // Nothing depends on one that holds nothing and has no vote.
      severity: node.drain && node.role !== 'voter' ? 'info' : 'warning',
      who: node.id,
      why: `Node ${node.address} is ${node.state}.`,
      remedy: 'Start it again, or see why it does not answer.',
    }))
  const late = nodes
    .filter(({ state, caughtUp }) => state === 'alive' && caughtUp === false)
    .map((node): Finding => ({
      code: 'CATCHING_UP',
      severity: 'info',
      who: node.id,
      why: `Node ${node.address} has not read all that it missed.`,
      remedy: 'Nothing: it catches up by itself.',
    }))
  const alone = nodes.filter(({ role, drain }) => role !== 'edge' && !drain).length === 1
  const noRedundancy: Finding = {
    code: 'NO_REDUNDANCY',
    severity: 'info',
    who: null,
    why: 'One node holds everything.',
    remedy: 'Add nodes: three survive the loss of one.',
  }
  return [...missing, ...late, ...(alone ? [noRedundancy] : [])]
}

function redundancyFaults({ redundancy }: Facts): Finding[] {
  if (!redundancy) return []
  const { unavailable, underReplicated, unknown } = redundancy
  const findings: Finding[] = []
  if (unavailable > 0)
    findings.push({
      code: 'UNAVAILABLE',
      severity: 'critical',
      who: null,
      why: `${unavailable} images are held in full by no node.`,
      remedy: 'Bring back the nodes that held them.',
    })
  if (unknown > 0)
    findings.push({
      code: 'COPIES_UNKNOWN',
      severity: 'warning',
      who: null,
      why: `${unknown} images are held only by nodes that do not answer, if at all.`,
      remedy: 'Bring back the nodes that do not answer.',
    })
  if (underReplicated > 0)
    findings.push({
      code: 'UNDER_REPLICATED',
      severity: 'warning',
      who: null,
      why: `${underReplicated} images lack a copy.`,
      remedy: 'Nothing while all nodes are up: the updater copies them.',
    })
  return findings
}

function placementFaults({ redundancy, out }: Facts): Finding[] {
  const findings: Finding[] = out.out.map((node) => ({
    code: 'NODE_OUT',
    severity: 'info',
    who: node,
    why: `Node ${node} was silent for longer than [repair] out_after: others stand in for it.`,
    remedy:
      'Bring it back, and it gets its images again; or take it out with "serac replace" or "serac remove".',
  }))
  if (out.braked.length > 0)
    findings.push({
      code: 'REPAIR_BRAKED',
      severity: 'warning',
      who: null,
      why: `More than a third of the storage nodes vanished together: nobody stands in for ${out.braked.join(', ')}.`,
      remedy:
        'See whether the network is cut. Those that are lost for good: "serac replace" or "serac remove".',
    })
  const { oneZone = 0, misplaced = 0 } = redundancy ?? {}
  if (oneZone > 0)
    findings.push({
      code: 'ZONE_SPREAD',
      severity: 'warning',
      who: null,
      why: `${oneZone} images have all their copies in one zone.`,
      remedy: 'Nothing while nodes of other zones are up: the updater copies them there.',
    })
  if (misplaced > 0)
    findings.push({
      code: 'MISPLACED',
      severity: 'info',
      who: null,
      why: `${misplaced} copies lie on nodes that they do not belong on.`,
      remedy: 'Nothing: they go when every node of their placement has verified its own.',
    })
  return findings
}

function refusal(peer: string, code: string, reason: string): Finding {
  const remedy =
    REFUSAL_REMEDIES[code] ??
    'Give both nodes the same release and the same initial members, or do what it says.'
  const severity = code === 'DUPLICATE_IDENTITY' ? 'critical' : 'warning'
  return { code: 'PEER_REFUSED', severity, who: peer, why: reason, remedy }
}

const REFUSAL_REMEDIES: Readonly<Record<string, string>> = {
  DUPLICATE_IDENTITY:
    'Stop the copy. It needs a key and a data directory of its own, and joins with an invite.',
  NOT_A_MEMBER:
    'Stop this node, empty its data directory, and let it join with an invite if it is to come back.',
}

function voterFaults({ abstentions, nodes, voterChange, quorum }: Facts): Finding[] {
  const changing: Finding[] = voterChange
    ? [
        {
          code: 'VOTERS_CHANGING',
          severity: 'info',
          who: null,
          why:
            `The voters change from ${voterChange.from.length} to ${voterChange.to.length}; ` +
            `${describeProgress(voterChange.progress)}.`,
          remedy: 'Nothing while a majority of the old and of the new voters is up: it ends by itself.',
        },
      ]
    : []
  const silent = abstentions.map(({ node, reason }): Finding => {
    const readmission = nodes.find(({ id }) => id === node)?.readmission ?? null
    return readmission ? beingReadmitted(node, readmission) : abstention(node, reason, quorum.canWrite)
  })
  return [...changing, ...silent]
}

function beingReadmitted(node: string, progress: RescanProgress): Finding {
  return {
    code: 'READMISSION',
    severity: 'warning',
    who: node,
    why: `Node ${node} has lost votes and is being let in again; ${describeProgress(progress)}.`,
    remedy: 'Nothing: it votes again by itself. See why it lost them: a failing disk, a restored directory.',
  }
}

/** The others go on without it; it is let in again by them, unless it is the last one. */
function abstention(node: string, reason: string, canWrite: boolean): Finding {
  return {
    code: 'NOT_VOTING',
    severity: canWrite ? 'warning' : 'critical',
    who: node,
    why: `Node ${node} does not vote: ${reason}.`,
    remedy:
      'Nothing while a majority of the others is up: it votes again by itself. If it does not, do what the ' +
      'reason says, or give it an empty data directory.',
  }
}

function tombstoneFaults({ blockedTombstones }: Facts): Finding[] {
  const due = blockedTombstones.reduce((most, blocked) => Math.max(most, blocked.due), 0)
  const away = [...new Set(blockedTombstones.flatMap((blocked) => blocked.away))]
  if (due === 0) return []
  const names =
    away.length === 0 ? 'Not every voter answers' : `These voters do not answer: ${away.join(', ')}`
  return [
    {
      code: 'TOMBSTONES_BLOCKED',
      severity: 'info',
      who: away[0] ?? null,
      why: `The ids of ${due} deleted images stay taken. ${names}, and all must agree to give them up.`,
      remedy: 'Bring them back, or choose other voters with "serac replace".',
    },
  ]
}

function pausedLoops({ nodes }: Facts): Finding[] {
  return nodes.flatMap(({ id, loops }): Finding[] => {
    const names = (loops ?? []).filter(({ state }) => state === 'paused').map(({ name }) => name)
    if (names.length === 0) return []
    return [
      {
        code: 'LOOP_PAUSED',
        severity: 'warning',
        who: id,
        why: `An operator has paused on node ${id}: ${names.join(', ')}.`,
        remedy: 'Ask that node: "serac loops NAME --resume". A restart of the node ends it, too.',
      },
    ]
  })
}

function mixedReleases({ nodes }: Facts): Finding[] {
  const releases = [...new Set(nodes.flatMap(({ version }) => version ?? []))].toSorted()
  if (releases.length < 2) return []
  return [
    {
      code: 'MIXED_RELEASES',
      severity: 'info',
      who: null,
      why: `The nodes run ${releases.join(' and ')}.`,
      remedy: 'Go on with the upgrade: "serac upgrade-check" says whether the next node can follow.',
    },
  ]
}

function describeProgress(progress: RescanProgress | null): string {
  if (!progress) return 'the rescan has not begun'
  const { registers, copied, settled } = progress
  return `${registers} registers looked at, ${copied} copied, ${settled} settled`
}
