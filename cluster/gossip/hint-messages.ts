/** Hints and the batches they travel in. A hint tells where to look; nothing is ever decided by one. */
import { decode, encode } from 'cborg'
import { isPlainObject } from '../network/rpc-messages.ts'
import type { NodeId } from '../network/rpc-port.ts'

export type Hint =
  /** The register `key` changed; `ballot` when the sender knows it. */
  | { kind: 'changed'; key: string; ballot?: { counter: number; nonce: string } }
  /** The sender holds every chunk of the image under this manifest root (64 hex digits). */
  | { kind: 'holds'; root: string }

export interface HintBatch {
  /** Who wrote it. Not proven: the link only proves who passed it on. */
  from: NodeId
  /** New in each batch: gossip drops a message whose bytes it has seen before. */
  serial: string
  hints: Hint[]
}

/** One gossip message, bytes. */
export const HINT_BATCH_BYTES_MAX = 16 * 1024
/** Register keys are a prefix and an id or a namespace name. */
export const HINT_KEY_LENGTH_MAX = 512
/** What one hint may take in CBOR: the longest key, and the other fields. */
const HINT_OVERHEAD_BYTES = 96
const ROOT = /^[0-9a-f]{64}$/
const NONCE = /^[0-9a-f]{16}$/
const FROM_LENGTH_MAX = 128

/** An upper bound of what the hint takes in a batch. */
export function hintBytesAtMost(hint: Hint): number {
  const text = hint.kind === 'changed' ? hint.key : hint.root
  return Buffer.byteLength(text) + HINT_OVERHEAD_BYTES
}

export function encodeHintBatch(batch: HintBatch): Uint8Array {
  return encode({ f: batch.from, s: batch.serial, h: batch.hints })
}

/** The batch, or null for anything that is none. Single hints of a kind unknown here (a newer release) are left out. */
export function decodeHintBatch(bytes: Uint8Array): HintBatch | null {
  if (bytes.length > HINT_BATCH_BYTES_MAX) return null
  let value: unknown
  try {
    value = decode(bytes, { rejectDuplicateMapKeys: true })
  } catch {
    return null
  }
  if (!isPlainObject(value)) return null
  const { f, s, h } = value
  if (typeof f !== 'string' || f.length > FROM_LENGTH_MAX || typeof s !== 'string' || !Array.isArray(h))
    return null
  const hints: Hint[] = []
  for (const item of h as unknown[]) {
    if (!isPlainObject(item) || typeof item['kind'] !== 'string') return null
    const hint = parseHint(item)
    if (hint === 'malformed') return null
    if (hint !== 'unknown') hints.push(hint)
  }
  return { from: f, serial: s, hints }
}

function parseHint({ kind, key, ballot, root }: Record<string, unknown>): Hint | 'malformed' | 'unknown' {
  if (kind === 'changed') {
    if (!isHintKey(key)) return 'malformed'
    if (ballot === undefined) return { kind, key }
    const parsed = parseBallot(ballot)
    return parsed ? { kind, key, ballot: parsed } : 'malformed'
  }
  if (kind === 'holds') return typeof root === 'string' && ROOT.test(root) ? { kind, root } : 'malformed'
  return 'unknown'
}

function isHintKey(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= HINT_KEY_LENGTH_MAX
}

function parseBallot(value: unknown): { counter: number; nonce: string } | null {
  if (!isPlainObject(value)) return null
  const { counter, nonce } = value
  if (typeof counter !== 'number' || !Number.isSafeInteger(counter) || counter < 0) return null
  return typeof nonce === 'string' && NONCE.test(nonce) ? { counter, nonce } : null
}
