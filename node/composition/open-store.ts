/** Opens this node's data directory, for the daemon and for the commands that work while it is stopped. */
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import { systemClock as clock, systemRandom as random } from '../../cluster/runtime.ts'
import { ChunkBufferPool, SLOT_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import type { SeracConfig } from '../config/options.ts'
import { projectRoots } from '../images/root-projection.ts'
import { scanInThread } from '../store/scan-thread.ts'
import { Store, type StoreComponents, type StoreOptions } from '../store/store.ts'

/** Slots that the store uses to read back what it holds before it counts; apart, so that no transfer can starve it. */
const VERIFY_SLOTS = 4

/** Throws StoreError: when another process has it open, when it is a copy, when it belongs to another node. */
export function openStore(
  config: SeracConfig,
  identity: NodeIdentity,
  { log, hasher }: Pick<StoreComponents, 'log' | 'hasher'>,
  options: Pick<StoreOptions, 'forgetVotes' | 'registersElsewhere' | 'segmentsLost' | 'onFound'> = {},
): Promise<Store> {
  return Store.open(
    {
      clock,
      random,
      log,
      hasher,
      buffers: new ChunkBufferPool(VERIFY_SLOTS * SLOT_BYTES),
      scan: (path) => scanInThread(path),
    },
    {
      directory: config.default.statePath,
      nodeId: identity.id,
      freeBytesMin: config.store.freeBytesMin,
      ballastBytes: config.store.ballast,
      project: projectRoots,
      ...options,
    },
  )
}
