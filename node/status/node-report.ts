/** What one node tells the others for the status document. Roots travel as raw bytes: 32 each. */
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

/** As it travels. */
type EncodedReport = Omit<NodeReport, 'heldRoots'> & { heldRoots: Uint8Array }

const ROOT_BYTES = 32
const FIGURES = ['uptimeSeconds', 'storedBytes', 'freeBytes', 'totalBytes'] as const

export function encodeReport(report: NodeReport): EncodedReport {
  return { ...report, heldRoots: Buffer.from(report.heldRoots.join(''), 'hex') }
}

/** Throws BAD_FRAME. */
export function decodeReport(value: unknown): NodeReport {
  if (!isReport(value)) throw new ClusterError('BAD_FRAME', 'a status report is malformed')
  const hex = Buffer.from(value.heldRoots).toString('hex')
  const heldRoots = Array.from({ length: value.heldRoots.length / ROOT_BYTES }, (_, i) =>
    hex.slice(i * 2 * ROOT_BYTES, (i + 1) * 2 * ROOT_BYTES),
  )
  return { ...value, heldRoots }
}

function isReport(value: unknown): value is EncodedReport {
  const report = (value ?? {}) as Record<keyof NodeReport, unknown>
  const { version, api, abstains, hashing, caughtUp, hasQuorum, heldRoots } = report
  return (
    [version, hashing].every((text) => typeof text === 'string') &&
    [api, abstains].every((text) => text === null || typeof text === 'string') &&
    [caughtUp, hasQuorum].every((flag) => typeof flag === 'boolean') &&
    FIGURES.every((name) => Number.isFinite(report[name])) &&
    heldRoots instanceof Uint8Array &&
    heldRoots.length % ROOT_BYTES === 0
  )
}
