/** Digests on the event loop, for tests of what wants one and not of the workers. */
import { createHash } from 'node:crypto'
import { nodeNameOf, type HashAlgorithm } from '../../node/data/hash-algorithms.ts'

export function loopDigest(algorithm: HashAlgorithm) {
  const hash = createHash(nodeNameOf(algorithm))
  return {
    add: async (bytes: Uint8Array) => void hash.update(bytes),
    finish: async () => hash.digest('hex'),
    close: async () => {},
  }
}
