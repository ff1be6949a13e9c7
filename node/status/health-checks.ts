/** Coded checks and the verdict that follows from them (architecture §7). */
import type { Check, ClusterStatus, Verdict } from './status-types.ts'

export type Finding = Omit<Check, 'since'>

type Facts = Pick<ClusterStatus, 'nodes' | 'quorum' | 'redundancy'> & {
  /** Peers that were not let in, and why. */
  refusals: readonly { peer: string; reason: string }[]
  /** Nodes that do not vote although they should, and why. */
  abstentions: readonly { node: string; reason: string }[]
}

export function findFaults(facts: Facts): Finding[] {
  return [
    ...quorumFaults(facts),
    ...nodeFaults(facts),
    ...redundancyFaults(facts),
    ...facts.refusals.map(({ peer, reason }) => refusal(peer, reason)),
    ...facts.abstentions.map(({ node, reason }) => abstention(node, reason)),
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
    .map((node) => ({
      code: 'NODE_DOWN',
      severity: 'warning' as const,
      who: node.id,
      why: `Node ${node.address} is ${node.state}.`,
      remedy: 'Start it again, or see why it does not answer.',
    }))
  const late = nodes
    .filter(({ state, caughtUp }) => state === 'alive' && caughtUp === false)
    .map((node) => ({
      code: 'CATCHING_UP',
      severity: 'info' as const,
      who: node.id,
      why: `Node ${node.address} has not read all that it missed.`,
      remedy: 'Nothing: it catches up by itself.',
    }))
  const alone = nodes.filter(({ role }) => role !== 'edge').length === 1
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

function refusal(peer: string, reason: string): Finding {
  const remedy = 'Give both nodes the same release and the same initial members.'
  return { code: 'PEER_REFUSED', severity: 'warning', who: peer, why: reason, remedy }
}

function abstention(node: string, reason: string): Finding {
  const remedy =
    'Its votes cannot be trusted: remove its data directory and let it join anew, once the others are up.'
  return {
    code: 'NOT_VOTING',
    severity: 'critical',
    who: node,
    why: `Node ${node} does not vote: ${reason}.`,
    remedy,
  }
}
