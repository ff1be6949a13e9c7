/** The algorithms of an image's multihash (`os_hash_algo`), by the names that Python's hashlib and so Glance's clients have. */

/** Node's name of each, and how long its digests are, bytes. */
const ALGORITHMS = {
  md5: { node: 'md5', bytes: 16 },
  sha1: { node: 'sha1', bytes: 20 },
  sha224: { node: 'sha224', bytes: 28 },
  sha256: { node: 'sha256', bytes: 32 },
  sha384: { node: 'sha384', bytes: 48 },
  sha512: { node: 'sha512', bytes: 64 },
  sha3_224: { node: 'sha3-224', bytes: 28 },
  sha3_256: { node: 'sha3-256', bytes: 32 },
  sha3_384: { node: 'sha3-384', bytes: 48 },
  sha3_512: { node: 'sha3-512', bytes: 64 },
  blake2b: { node: 'blake2b512', bytes: 64 },
  blake2s: { node: 'blake2s256', bytes: 32 },
} as const

export type HashAlgorithm = keyof typeof ALGORITHMS

export const HASH_ALGORITHM_NAMES = Object.keys(ALGORITHMS) as HashAlgorithm[]

export function isHashAlgorithm(name: string): name is HashAlgorithm {
  return Object.hasOwn(ALGORITHMS, name)
}

/** That of an image; of what has none that this node can compute, that of uploads. */
export function algorithmOr512(name: string | null): HashAlgorithm {
  return name !== null && isHashAlgorithm(name) ? name : 'sha512'
}

/** The name for `createHash`. */
export function nodeNameOf(algorithm: HashAlgorithm): string {
  return ALGORITHMS[algorithm].node
}

/** Whether `text` is one in hexadecimal. */
export function isDigest(algorithm: HashAlgorithm, text: string): boolean {
  return text.length === 2 * ALGORITHMS[algorithm].bytes && /^[0-9a-f]*$/i.test(text)
}
