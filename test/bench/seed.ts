/**
 * Fills the data directories of a stopped development cluster with images, through the store that the nodes themselves
 * use: votes, learner rows and change log are as if each image had been created through the API, without its two rounds.
 */
import type { DevCluster } from '../../deploy/dev/dev-cluster.ts'
import { loadOrCreateIdentity } from '../../cluster/network/identity.ts'
import { encodeValue, nextValue, valueDigest } from '../../cluster/register/register-value.ts'
import { systemClock, systemRandom, type Log } from '../../cluster/runtime.ts'
import { ChunkBufferPool, SLOT_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import { inlineHasher } from '../../cluster/transfer/chunk-hasher.ts'
import { loadConfig } from '../../node/config/load.ts'
import { imageKey } from '../../node/images/image-operations.ts'
import { projectRoots } from '../../node/images/root-projection.ts'
import { Store } from '../../node/store/store.ts'
import { seededImage } from './seeded-image.ts'

/** Images written at once: large groups, so that syncs do not count. */
const GROUP = 2000
const BALLOT = { counter: 1, nonce: '5eed5eed5eed5eed' }
const OP_ID = '5eed'.repeat(8)

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Writes images `from` to `to` (exclusive) into every node's store. No node may be running. */
export async function seedImages(cluster: DevCluster, from: number, to: number): Promise<void> {
  for (const { configFile } of cluster.nodes) await seedStore(configFile, from, to)
}

/** The same for one store. */
export async function seedStore(configFile: string, from: number, to: number): Promise<void> {
  const store = await openStore(configFile)
  for (let begin = from; begin < to; begin += GROUP)
    await writeGroup(store, begin, Math.min(begin + GROUP, to))
  await store.close()
}

async function openStore(configFile: string): Promise<Store> {
  const { config } = await loadConfig({ files: [configFile], directories: [] }, {})
  const identity = await loadOrCreateIdentity(config.cluster.keyFile, systemRandom)
  return Store.open(
    {
      clock: systemClock,
      random: systemRandom,
      log: quiet,
      hasher: inlineHasher,
      buffers: new ChunkBufferPool(SLOT_BYTES),
    },
    {
      directory: config.default.statePath,
      nodeId: identity.id,
      freeBytesMin: config.store.freeBytesMin,
      ballastBytes: config.store.ballast,
      project: projectRoots,
    },
  )
}

async function writeGroup({ registers }: Store, from: number, to: number): Promise<void> {
  const writes: Promise<void>[] = []
  for (let number = from; number < to; number++) {
    const record = seededImage(number)
    const key = imageKey(record.id)
    const value = encodeValue(nextValue(null, { live: true, record }, OP_ID, null))
    const row = { ballot: BALLOT, value, digest: valueDigest(value) }
    writes.push(
      registers.vote(key, { promised: BALLOT, accepted: row }, true),
      registers.learn(key, { ...row, settled: true }),
    )
  }
  await Promise.all(writes)
}
