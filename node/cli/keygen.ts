/** `serac keygen`: the id of a node before its first start, so that initial_members can be written. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { loadOrCreateIdentity } from '../../cluster/network/identity.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { systemRandom } from '../../cluster/runtime.ts'

/** Where `[cluster] key_file` points by default. */
const KEY_FILE = 'node.key'
/** The directory holds the private key and the images. */
const STATE_DIRECTORY_MODE = 0o700

/** Makes the key if there is none; the answer is the same ever after. */
export async function keygen(statePath: string): Promise<NodeId> {
  await mkdir(statePath, { recursive: true, mode: STATE_DIRECTORY_MODE })
  return (await loadOrCreateIdentity(join(statePath, KEY_FILE), systemRandom)).id
}
