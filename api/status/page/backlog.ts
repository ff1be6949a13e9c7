/** How many bytes there were to copy since the page was opened: kept whatever view one looks at. */
import type { ClusterStatus } from '../../../node/status/status-types.ts'

export interface BacklogPoint {
  /** Wall time of the node, ms. */
  atMs: number
  /** Null: not known. */
  bytes: number | null
}

/** Twenty minutes of looks. */
const POINTS_MAX = 300

export function withPoint(
  points: readonly BacklogPoint[],
  { as_of, redundancy }: Pick<ClusterStatus, 'as_of' | 'redundancy'>,
): readonly BacklogPoint[] {
  const atMs = Date.parse(as_of)
  if (points.at(-1)?.atMs === atMs) return points
  return [...points, { atMs, bytes: redundancy?.toCopy.bytes ?? null }].slice(-POINTS_MAX)
}
