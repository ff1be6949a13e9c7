/** Whether the nodes of a cluster hold exactly what its images consist of: as they say themselves, and seen from within. */
import type { DevCluster } from '../../../deploy/dev/dev-cluster.ts'
import { waitFor } from '../../../deploy/dev/wait-for.ts'
import { fetchStatus } from '../../../node/cli/status.ts'
import { judgeStored, storedChunks } from '../../helpers/stored-chunks.ts'
import type { OverlappingImage } from './overlapping-images.ts'

/** No promise, only the end of waiting for what never comes. */
const REST_LIMIT_MS = 120_000

/** Waits until every image is everywhere and nothing else is; answers what is wrong, one sentence each. */
export async function awaitRest(dev: DevCluster, images: readonly OverlappingImage[]): Promise<string[]> {
  const bytesOnDisk = new Map(images.flatMap((image) => [...image.bytesOnDisk]))
  const storedBytes = [...bytesOnDisk.values()].reduce((sum, bytes) => sum + bytes, 0)
  let seen = 'no status'
  const isAtRest = async () => {
    const status = await fetchStatus(dev.node(0).operatorUrl)
    const stored = status.nodes.map((node) => node.storedBytes)
    seen = JSON.stringify({ images: status.images, redundancy: status.redundancy, stored })
    const isFull = status.images?.active === images.length && status.redundancy?.full === images.length
    return isFull && stored.every((bytes) => bytes === storedBytes)
  }
  if (await waitFor(() => isAtRest().catch(() => false), { limitMs: REST_LIMIT_MS })) return []
  return [`no rest: ${images.length} images of ${storedBytes} bytes wanted, seen ${seen}`]
}

/** How many chunks the nodes have found damaged since their start, where there are any. */
export async function damageFound(dev: DevCluster): Promise<string[]> {
  const { nodes } = await fetchStatus(dev.node(0).operatorUrl)
  return nodes.flatMap(({ id, integrity }) =>
    integrity?.found === 0 ? [] : [`node ${id} found ${integrity?.found ?? '?'} damaged chunks`],
  )
}

/** Stops all nodes, looks at what they have stored, and starts them again. */
export async function lookWithin(dev: DevCluster, images: readonly OverlappingImage[]): Promise<string[]> {
  for (const { index } of dev.nodes) await dev.stop(index)
  const wrong: string[] = []
  for (const { index, directory } of dev.nodes)
    for (const what of judgeStored(await storedChunks(directory), images))
      wrong.push(`node ${index}: ${what}`)
  for (const { index } of dev.nodes) await dev.start(index)
  await allReady(dev)
  return wrong
}

/** Throws when a node does not become ready. */
export async function allReady(dev: DevCluster): Promise<void> {
  for (const node of dev.nodes) {
    const isReady = async () => (await node.probe('/ready')) === 200
    if (!(await waitFor(isReady, { limitMs: REST_LIMIT_MS })))
      throw new Error(`node ${node.index} did not become ready`)
  }
}
