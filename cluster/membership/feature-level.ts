/**
 * What nodes of different releases may use with each other. The config carries the level in force; an operation, field or
 * frame of a newer level is used only when every member understands it, and raises the level for good: from then on nodes
 * of older releases are refused.
 */
import type { ClusterConfig } from './cluster-config.ts'

/** Members can be drained, and images are placed past them. */
export const DRAIN_LEVEL = 2
/** Records name objects in back ends, which no operation may forget. */
export const BACKEND_LEVEL = 3
/** What this release writes and understands. */
export const FEATURE_LEVEL = BACKEND_LEVEL

/** The members of which it is not known that they understand `level`; nobody where it is in force already. */
export function membersBelow(
  level: number,
  { nodes, featureLevel }: ClusterConfig,
  levelOf: (node: string) => number | null,
): string[] {
  if (featureLevel >= level) return []
  return nodes.filter(({ id }) => (levelOf(id) ?? 0) < level).map(({ id }) => id)
}
