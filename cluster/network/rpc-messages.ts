/** What a request and an answer carry, in CBOR. Short names, as each travels with every vote. */
import { decodeCbor } from '../cbor-decoder.ts'
import { encodeCbor } from '../cbor-encoder.ts'
import { ClusterError, SeracError } from '../errors.ts'

export interface RequestMessage {
  /** The sender's cluster: a foreign one is refused (R10). */
  clusterId: string
  /** The sender's config epoch (R10). */
  epoch: number
  body: unknown
}

export type AnswerMessage = { epoch: number; body: unknown } | { epoch: number; failure: SeracError }

/** Code of whatever a handler threw that was not a SeracError; what it was stays in the log of the peer. */
export const INTERNAL = 'INTERNAL'

export function encodeRequest(request: RequestMessage): Uint8Array {
  return encodeCbor({ c: request.clusterId, e: request.epoch, b: request.body })
}

/** Throws BAD_FRAME. */
export function decodeRequest(bytes: Uint8Array): RequestMessage {
  const { c, e, b } = decodeMap(bytes)
  if (typeof c !== 'string' || !isEpoch(e))
    throw new ClusterError('BAD_FRAME', 'the request lacks cluster or epoch')
  return { clusterId: c, epoch: e, body: b }
}

export function encodeAnswer(epoch: number, body: unknown): Uint8Array {
  return encodeCbor({ e: epoch, b: body })
}

/** Only what was thrown on purpose travels; `fields` that CBOR cannot carry are left out. */
export function encodeFailure(epoch: number, error: SeracError): Uint8Array {
  const failure = { c: error.code, m: error.message }
  try {
    return encodeCbor({ e: epoch, x: { ...failure, f: error.fields } })
  } catch {
    return encodeCbor({ e: epoch, x: { ...failure, f: {} } })
  }
}

/** Throws BAD_FRAME. */
export function decodeAnswer(bytes: Uint8Array): AnswerMessage {
  const { e, b, x } = decodeMap(bytes)
  if (!isEpoch(e)) throw new ClusterError('BAD_FRAME', 'the answer lacks the epoch')
  if (x === undefined) return { epoch: e, body: b }
  if (!isPlainObject(x) || typeof x['c'] !== 'string' || typeof x['m'] !== 'string') {
    throw new ClusterError('BAD_FRAME', 'the answer is a malformed failure')
  }
  return { epoch: e, failure: new SeracError(x['c'], x['m'], isPlainObject(x['f']) ? x['f'] : {}) }
}

/** Whether a decoded value is a CBOR map. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

function decodeMap(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = decodeCbor(bytes, { rejectDuplicateMapKeys: true })
  } catch (error) {
    throw new ClusterError('BAD_FRAME', 'the message is no valid CBOR', {}, error)
  }
  if (!isPlainObject(value)) throw new ClusterError('BAD_FRAME', 'the message is no CBOR map')
  return value
}

function isEpoch(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
