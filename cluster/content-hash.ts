/**
 * BLAKE3, the hash that names chunks and seals stored values. This is the only door to it: the native
 * `@napi-rs/blake-hash` where it loads, else `blake3-wasm` 2.1.5 (8 times slower, equally right). Never blake3-wasm
 * 3.0.0: it cannot be installed, and its streaming update gives wrong digests above 1 MiB.
 *
 * Each is checked against vectors of the BLAKE3 reference implementation before first use; one that fails is not used.
 */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** BLAKE3 digests are 32 bytes here, always. */
export const HASH_BYTES = 32
/** In hexadecimal text. */
export const HASH_HEX_LENGTH = 2 * HASH_BYTES

export interface HashEngine {
  /** What status shows. */
  readonly kind: 'native' | 'wasm'
  /** One-shot BLAKE3 of up to one chunk. */
  digest(data: Uint8Array): Buffer
}

/** Reference vectors: the input of length n is the bytes i mod 251. Lengths below, at and above one 1 KiB hash chunk. */
const VECTORS: readonly (readonly [lengthBytes: number, digest: string])[] = [
  [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
  [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
  [1024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7'],
  [102400, 'bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085'],
]
const VECTOR_PERIOD = 251

/** Whether `engine` gives the reference digests. */
export function passesVectors(engine: HashEngine): boolean {
  return VECTORS.every(([lengthBytes, expected]) => {
    const input = Buffer.alloc(lengthBytes)
    for (let i = 0; i < lengthBytes; i++) input[i] = i % VECTOR_PERIOD
    return engine.digest(input).toString('hex') === expected
  })
}

/** The native engine, or null where it does not load (other platforms, `--omit=optional`). */
export function nativeEngine(): HashEngine | null {
  try {
    // As text: to make and to collect a hasher object, or a buffer that is not Node's own, costs more than to hash a row.
    const { blake3UrlSafeBase64: hash } = require('@napi-rs/blake-hash') as {
      blake3UrlSafeBase64: (data: Uint8Array) => string
    }
    return { kind: 'native', digest: (data) => Buffer.from(hash(data), 'base64url') }
  } catch {
    return null
  }
}

/** The WebAssembly engine, always there. */
export function wasmEngine(): HashEngine {
  const { hash } = require('blake3-wasm') as { hash: (data: Uint8Array) => Buffer }
  return { kind: 'wasm', digest: (data) => Buffer.from(hash(data)) }
}

function chooseEngine(): HashEngine {
  for (const engine of [nativeEngine(), wasmEngine()]) if (engine && passesVectors(engine)) return engine
  throw new Error('no BLAKE3 library gives the reference digests: reinstall the packages with npm ci')
}

/** The engine of this process. */
export const hashEngine: HashEngine = chooseEngine()

/** BLAKE3 of `data`, 32 bytes. */
export function contentHash(data: Uint8Array): Buffer {
  return hashEngine.digest(data)
}

/** BLAKE3 of `data` in lower-case hexadecimal: a chunk's name. */
export function contentHashHex(data: Uint8Array): string {
  return hashEngine.digest(data).toString('hex')
}
