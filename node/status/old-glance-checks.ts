/** What is said of the Glance that the cluster takes over from, as long as nodes read unknown ids from there. */
import type { OldGlanceState } from '../images/old-glance-watch.ts'
import type { ClusterStatus, FallThrough, Finding, NodeStatus } from './status-types.ts'

const SECOND_MS = 1000
const TAKE_AWAY = 'take [moving] fall_through_url away on every node and restart them one by one'

/** Null when no node that answers names one. */
export function fallThroughOf(nodes: readonly NodeStatus[], nowMs: number): FallThrough | null {
  const asked = nodes.flatMap(({ oldGlance, uptimeSeconds }) =>
    oldGlance ? [{ ...oldGlance, uptimeSeconds: uptimeSeconds ?? 0 }] : [],
  )
  if (asked.length === 0) return null
  const shortest = Math.min(...asked.map(({ uptimeSeconds }) => uptimeSeconds))
  return {
    urls: [...new Set(asked.map(({ url }) => url))].toSorted(),
    answers: asked.every(({ failure }) => failure === null),
    requests: asked.reduce((sum, { counts }) => sum + counts.shown, 0),
    lastRequestAt:
      asked
        .flatMap(({ lastShownAt }) => lastShownAt ?? [])
        .toSorted()
        .at(-1) ?? null,
    countedSince: new Date(nowMs - shortest * SECOND_MS).toISOString(),
  }
}

export function oldGlanceRemarks({
  nodes,
  oldGlance,
}: Pick<ClusterStatus, 'nodes' | 'oldGlance'>): Finding[] {
  if (!oldGlance) return []
  return [
    used(oldGlance),
    ...nodes.flatMap((node) => (node.oldGlance ? unreachable(node, node.oldGlance) : [])),
    ...uneven(nodes, oldGlance),
  ]
}

function used({ urls, requests, lastRequestAt, countedSince }: FallThrough): Finding {
  const asked =
    lastRequestAt === null
      ? `nobody has asked for any since ${countedSince}`
      : `${requests} requests were for such images since ${countedSince}, the last at ${lastRequestAt}`
  return {
    code: 'OLD_GLANCE_USED',
    severity: 'info',
    who: null,
    why: `Images that are unknown here are read from ${urls.join(', ')}, and are in no list; ${asked}.`,
    remedy:
      'Move them here with "serac import-glance"; with --dry-run it tells what is left. When nothing is left and nobody ' +
      `asks for such images any more, ${TAKE_AWAY}.`,
  }
}

function unreachable({ id }: NodeStatus, { url, failure, lastAnswerAt }: OldGlanceState): Finding[] {
  if (failure === null) return []
  const last =
    lastAnswerAt === null ? 'It has not answered since the node started' : `It answered at ${lastAnswerAt}`
  return [
    {
      code: 'OLD_GLANCE_DOWN',
      severity: 'warning',
      who: id,
      why: `Node ${id} gets no answer from ${url}: ${failure}. ${last}. Requests for ids that are unknown here are a 503.`,
      remedy: `See whether it runs and can be reached from that node. If all images were moved, ${TAKE_AWAY}.`,
    },
  ]
}

/** The same request would be answered by one node and be a 404 at another. */
function uneven(nodes: readonly NodeStatus[], { urls }: FallThrough): Finding[] {
  const without = nodes.filter(({ api, oldGlance }) => api !== null && !oldGlance).map(({ id }) => id)
  if (without.length === 0 && urls.length === 1) return []
  const what =
    without.length === 0
      ? `The nodes read unknown ids from different places: ${urls.join(', ')}`
      : `These nodes read unknown ids from no old Glance, while others do: ${without.join(', ')}`
  return [
    {
      code: 'OLD_GLANCE_UNEVEN',
      severity: 'warning',
      who: null,
      why: `${what}. What a client is answered depends on the node that it asks.`,
      remedy:
        'Give all nodes the same [moving] fall_through_url, or none, and restart those that are changed.',
    },
  ]
}
