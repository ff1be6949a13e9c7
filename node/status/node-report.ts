/** What one node tells the others for the status document. Roots travel as raw bytes: 32 each. */
import { decode, encode } from 'cborg'
import { ClusterError } from '../../cluster/errors.ts'

export interface NodeReport {
  version: string
  api: string | null
  uptimeSeconds: number
  caughtUp: boolean
  hasQuorum: boolean
  /** Null while it votes, or is no voter. */
  abstains: string | null
  /** BLAKE3 by `native` or `wasm`. */
  hashing: string
  storedBytes: number
  freeBytes: number
  totalBytes: number
  /** Manifest roots of which it holds everything, 64 hex digits each. */
  heldRoots: string[]
}

const ROOT_BYTES = 32

export function encodeReport(report: NodeReport): unknown {
  return { ...report, heldRoots: Buffer.from(report.heldRoots.join(''), 'hex') }
}

/** Throws BAD_FRAME. */
export function decodeReport(value: unknown): NodeReport {
  // Through the codec once more: a report must be plain data, whoever sent it.
  const report = decode(encode(value)) as Omit<NodeReport, 'heldRoots'> & { heldRoots: unknown }
  if (!(report.heldRoots instanceof Uint8Array) || typeof report.version !== 'string')
    throw new ClusterError('BAD_FRAME', 'a status report is malformed')
  const hex = Buffer.from(report.heldRoots).toString('hex')
  const heldRoots = Array.from({ length: report.heldRoots.length / ROOT_BYTES }, (_, i) =>
    hex.slice(i * 2 * ROOT_BYTES, (i + 1) * 2 * ROOT_BYTES),
  )
  return { ...report, heldRoots }
}
