/** The bulk plane's wire: paths, headers, caps, bodies and errors. HTTP/1.1 over mutual TLS 1.3 carries it. */
import { decode, encode } from 'cborg'
import { HASH_BYTES } from '../content-hash.ts'
import { ClusterError, SeracError, type ClusterErrorCode } from '../errors.ts'
import type { ChunkHash, UploadId } from './local-chunks.ts'

/** Every request names the cluster it is meant for (R10): a foreign one is refused on every plane. */
export const CLUSTER_HEADER = 'x-serac-cluster'
/** The upload that claims the chunk of a PUT; absent = no pin. */
export const PIN_HEADER = 'x-serac-pin'

export const CHUNK_PATH = '/chunks/'
export const HAVE_PATH = '/have'
export const UNPIN_PATH = '/unpin'
export const REFERENCES_PATH = '/references'

/** Hashes per references request: one durable batch of the store. */
export const REFERENCES_MAX = 1024
/** Hashes per have request: the holder reads and hashes each chunk, 256 MiB at most, before it answers. */
export const HAVE_MAX = 64
/** The largest CBOR body: REFERENCES_MAX hashes and their frame, with room to spare. */
export const COMMAND_BYTES_MAX = 64 * 1024

const CHUNK_HASH = /^[0-9a-f]{64}$/
const UPLOAD_ID = /^[0-9a-f]{32}$/

/** The body of `POST /have`, `/unpin` and `/references`; hashes travel as one run of 32-byte values. */
export interface HaveRequest {
  pin: UploadId
  hashes: ChunkHash[]
}
export interface UnpinRequest {
  upload: UploadId
}
export interface ReferencesRequest {
  root: ChunkHash
  hashes: ChunkHash[]
}

export function isChunkHash(value: unknown): value is ChunkHash {
  return typeof value === 'string' && CHUNK_HASH.test(value)
}

export function isUploadId(value: unknown): value is UploadId {
  return typeof value === 'string' && UPLOAD_ID.test(value)
}

export function encodeHave({ pin, hashes }: HaveRequest): Uint8Array {
  return encode({ pin, hashes: packHashes(hashes) })
}

export function decodeHave(body: Uint8Array): HaveRequest {
  const { pin, hashes } = decodeMap(body)
  if (!isUploadId(pin)) throw badBody('pin')
  return { pin, hashes: unpackHashes(hashes, HAVE_MAX) }
}

export function encodeHaveAnswer(held: readonly boolean[]): Uint8Array {
  return encode({ held: [...held] })
}

/** `count` is how many were asked for: any other number is no answer. */
export function decodeHaveAnswer(body: Uint8Array, count: number): boolean[] {
  const { held } = decodeMap(body)
  if (!Array.isArray(held) || held.length !== count) throw badBody('held')
  return held.map((one) => one === true)
}

export function encodeUnpin({ upload }: UnpinRequest): Uint8Array {
  return encode({ upload })
}

export function decodeUnpin(body: Uint8Array): UnpinRequest {
  const { upload } = decodeMap(body)
  if (!isUploadId(upload)) throw badBody('upload')
  return { upload }
}

export function encodeReferences({ root, hashes }: ReferencesRequest): Uint8Array {
  return encode({ root, hashes: packHashes(hashes) })
}

export function decodeReferences(body: Uint8Array): ReferencesRequest {
  const { root, hashes } = decodeMap(body)
  if (!isChunkHash(root)) throw badBody('root')
  return { root, hashes: unpackHashes(hashes, REFERENCES_MAX) }
}

export function encodeReferencesAnswer(missing: readonly ChunkHash[]): Uint8Array {
  return encode({ missing: packHashes(missing) })
}

export function decodeReferencesAnswer(body: Uint8Array): ChunkHash[] {
  return unpackHashes(decodeMap(body)['missing'], REFERENCES_MAX)
}

/** HTTP status of each code that crosses this plane; any other error is a 500 without details. */
const STATUS_OF: ReadonlyMap<string, number> = new Map<ClusterErrorCode, number>([
  ['BAD_FRAME', 400],
  ['CHUNK_MISSING', 404],
  ['RPC_TIMEOUT', 408],
  ['CHUNK_DAMAGED', 409],
  ['MESSAGE_TOO_LARGE', 413],
  ['FOREIGN_CLUSTER', 421],
  ['PEER_BUSY', 503],
  ['STOPPING', 503],
  ['STORE_NOT_WRITABLE', 503],
  ['STORE_FULL', 507],
])
export const INTERNAL_ERROR_STATUS = 500

/** The answer that tells a peer what went wrong. */
export function encodeError(error: unknown): { status: number; body: Uint8Array } {
  const status = error instanceof SeracError ? STATUS_OF.get(error.code) : undefined
  if (status === undefined || !(error instanceof SeracError)) {
    const body = encode({ code: 'INTERNAL', message: 'the node failed to answer' })
    return { status: INTERNAL_ERROR_STATUS, body }
  }
  return { status, body: encode({ code: error.code, message: error.message }) }
}

/** The error that a peer's answer stands for; BAD_FRAME when it is none of ours. */
export function decodeError(status: number, body: Uint8Array): ClusterError {
  try {
    const { code, message } = decodeMap(body)
    if (isWireCode(code) && typeof message === 'string') return new ClusterError(code, message, { status })
  } catch {
    // The status is all there is to say then.
  }
  return new ClusterError('BAD_FRAME', `the peer answered ${status}`, { status })
}

function isWireCode(code: unknown): code is ClusterErrorCode {
  return typeof code === 'string' && STATUS_OF.has(code)
}

function decodeMap(body: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = decode(body)
  } catch (error) {
    throw new ClusterError('BAD_FRAME', 'the body is not CBOR', {}, error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badBody('a map')
  return value as Record<string, unknown>
}

function packHashes(hashes: readonly ChunkHash[]): Uint8Array {
  return Buffer.from(hashes.join(''), 'hex')
}

function unpackHashes(value: unknown, countMax: number): ChunkHash[] {
  if (!(value instanceof Uint8Array) || value.length % HASH_BYTES !== 0) throw badBody('hashes')
  if (value.length > countMax * HASH_BYTES) {
    throw new ClusterError('MESSAGE_TOO_LARGE', 'too many hashes in one request', { countMax })
  }
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  const hashes: ChunkHash[] = []
  for (let at = 0; at < bytes.length; at += HASH_BYTES)
    hashes.push(bytes.toString('hex', at, at + HASH_BYTES))
  return hashes
}

function badBody(what: string): ClusterError {
  return new ClusterError('BAD_FRAME', `the body lacks a valid ${what}`)
}
