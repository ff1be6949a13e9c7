/** Checks on the back ends: which nodes cannot use which, and whether all of them look at the same place. */
import type { BackendCondition } from '../loops/backend-prober.ts'
import type { ClusterStatus, Finding, NodeStatus } from './status-types.ts'

type Facts = Pick<ClusterStatus, 'nodes' | 'stores'>

/** A node and what it says of one back end. */
interface Word extends BackendCondition {
  node: string
}

const IS_IT_UP =
  'See whether the back end is up, its mount is there and the credentials of serac.conf are right. Nothing is lost ' +
  'meanwhile: it is used again by itself, and what is to be deleted there waits.'
const SAME_PLACE =
  'Give all nodes the same directory (is it mounted?), bucket or container, and copy what was written to the wrong ' +
  'place before. This clears within a minute.'

export function backendFaults({ nodes, stores }: Facts): Finding[] {
  const words = nodes.flatMap(wordsOf)
  const ids = [...new Set(words.map(({ store }) => store))]
  const byStore = new Map(ids.map((id) => [id, words.filter(({ store }) => store === id)]))
  const isDown = (id: string) => byStore.get(id)!.every(({ failure }) => failure !== null)
  const down = ids.filter(isDown)
  const partly = words.filter(({ store, failure }) => failure !== null && !down.includes(store))
  return [
    ...(down.length > 0 ? [downEverywhere(down, byStore, stores)] : []),
    ...nodesOf(partly).map((node) => downAt(node, partly)),
    ...strays(ids, byStore),
  ]
}

function downEverywhere(
  down: readonly string[],
  byStore: ReadonlyMap<string, readonly Word[]>,
  stores: ClusterStatus['stores'],
): Finding {
  const only = (stores ?? [])
    .filter(({ id }) => down.includes(id))
    .reduce((sum, { only: { images } }) => sum + images, 0)
  const reasons = down.map((id) => byStore.get(id)![0]!.failure).join(' ')
  const depends =
    only > 0 ? `${only} images are in no other store and cannot be read.` : 'No image is there alone.'
  return {
    code: 'BACKEND_DOWN',
    severity: only > 0 ? 'critical' : 'warning',
    who: null,
    why: `No node can use: ${down.join(', ')}. ${depends} ${reasons}`,
    remedy: IS_IT_UP,
  }
}

function downAt(node: string, words: readonly Word[]): Finding {
  const own = words.filter((word) => word.node === node)
  return {
    code: 'BACKEND_DOWN',
    severity: 'warning',
    who: node,
    why: `Node ${node} cannot use what others can: ${own.map(({ failure }) => failure).join(' ')}`,
    remedy: IS_IT_UP,
  }
}

/** Nodes whose marker is not the one that most have found. */
function strays(ids: readonly string[], byStore: ReadonlyMap<string, readonly Word[]>): Finding[] {
  const astray = ids.flatMap((id) => {
    const known = byStore.get(id)!.filter(({ marker }) => marker !== null)
    const usual = mostCommon(known.map(({ marker }) => marker ?? ''))
    return known.filter(({ marker }) => marker !== usual)
  })
  return nodesOf(astray).map((node): Finding => {
    const stores = astray.filter((word) => word.node === node).map(({ store }) => store)
    return {
      code: 'BACKEND_NOT_SHARED',
      severity: 'warning',
      who: node,
      why: `Node ${node} looks at another place than the others as: ${stores.join(', ')}. What one writes the other does not find.`,
      remedy: SAME_PLACE,
    }
  })
}

function wordsOf({ id: node, backends }: NodeStatus): Word[] {
  return (backends ?? []).map((condition) => ({ ...condition, node }))
}

function nodesOf(words: readonly Word[]): string[] {
  return [...new Set(words.map(({ node }) => node))]
}

/** Of as many the first in the order of the alphabet, so that all nodes say the same. */
function mostCommon(texts: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const text of texts.toSorted()) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0]
}
