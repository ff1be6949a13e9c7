/** A stopped node, as the commands that change its data directory see it. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { loadOrCreateIdentity, type NodeIdentity } from '../../cluster/network/identity.ts'
import { silentLog, systemRandom } from '../../cluster/runtime.ts'
import { inlineHasher } from '../../cluster/transfer/chunk-hasher.ts'
import { openStore } from '../composition/open-store.ts'
import type { ConfigPaths } from '../config/config-files.ts'
import { loadConfig } from '../config/load.ts'
import type { SeracConfig } from '../config/options.ts'
import type { Store, StoreOptions } from '../store/store.ts'
import type { CliIo } from './cli-io.ts'

export interface OfflineNode {
  config: SeracConfig
  identity: NodeIdentity
  store: Store
}

/** The directory holds the private key and the images. */
const STATE_DIRECTORY_MODE = 0o700

/** The node's configuration and identity; makes its key if there is none. */
export async function loadNode(paths: ConfigPaths, io: CliIo): Promise<Omit<OfflineNode, 'store'>> {
  const { config } = await loadConfig(paths, io.environment)
  for (const directory of [config.default.statePath, dirname(config.cluster.keyFile)])
    await mkdir(directory, { recursive: true, mode: STATE_DIRECTORY_MODE })
  return { config, identity: await loadOrCreateIdentity(config.cluster.keyFile, systemRandom) }
}

/** Opens the node's store, makes it if there is none, and closes it after `use`. Throws StoreError while the node runs. */
export async function withStore<T>(
  { config, identity }: Omit<OfflineNode, 'store'>,
  use: (store: Store) => Promise<T>,
  options: Pick<StoreOptions, 'forgetVotes' | 'segmentsLost'> = {},
): Promise<T> {
  const store = await openStore(config, identity, { log: silentLog, hasher: inlineHasher }, options)
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}
