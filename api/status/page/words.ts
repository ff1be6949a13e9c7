/** Figures and names as people read them. What is not known is "unknown", never a zero. */
import type { ClusterStatus, NodeStatus } from '../../../node/status/status-types.ts'

export const UNKNOWN = 'unknown'
/** What tells node ids apart is at their end; all begin alike. */
const ID_TAIL_LENGTH = 8
const KIB = 1024
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86_400

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN
  let rest = Math.abs(value)
  let unit = 0
  while (rest >= KIB && unit < UNITS.length - 1) {
    rest /= KIB
    unit++
  }
  const digits = unit === 0 || rest >= 100 ? 0 : 1
  return `${value < 0 ? '−' : ''}${rest.toFixed(digits)} ${UNITS[unit]}`
}

export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`
}

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : value.toLocaleString('en')
}

/** `3 images`, `1 image`. */
export function countOf(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

export function seconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN
  if (value < MINUTE_S) return `${Math.max(0, Math.round(value))} s`
  if (value < HOUR_S) return `${Math.floor(value / MINUTE_S)} min`
  if (value < 2 * DAY_S)
    return `${Math.floor(value / HOUR_S)} h ${Math.floor((value % HOUR_S) / MINUTE_S)} min`
  return `${Math.floor(value / DAY_S)} d ${Math.floor((value % DAY_S) / HOUR_S)} h`
}

export function days(value: number | null | undefined): string {
  if (value === null || value === undefined) return 'not in sight'
  if (value < 1) return 'within a day'
  return value < 60 ? `in ${Math.round(value)} days` : `in ${Math.round(value / 30)} months`
}

export function ago(iso: string, nowMs: number): string {
  return `${seconds((nowMs - Date.parse(iso)) / 1000)} ago`
}

export function clockTime(iso: string): string {
  return new Date(iso).toLocaleTimeString('en-GB')
}

export function dayOf(iso: string): string {
  return new Date(iso).toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long' })
}

export function shortId(id: string): string {
  return `…${id.slice(-ID_TAIL_LENGTH)}`
}

/** Operators know machines by address. */
export function nodeName(nodes: readonly Pick<NodeStatus, 'id' | 'address'>[], id: string): string {
  return nodes.find((node) => node.id === id)?.address ?? shortId(id)
}

/** The same port on every node tells nothing. */
export function withoutCommonPort<T extends Pick<NodeStatus, 'address'>>(nodes: readonly T[]): T[] {
  const ports = new Set(nodes.map(({ address }) => address.slice(address.lastIndexOf(':'))))
  if (ports.size > 1) return [...nodes]
  return nodes.map((node) => ({ ...node, address: node.address.slice(0, node.address.lastIndexOf(':')) }))
}

/** With the names of nodes in place of their ids, which nobody can read. */
export function withNames(text: string, { nodes }: Pick<ClusterStatus, 'nodes'>): string {
  return nodes.reduce((rest, { id, address }) => rest.replaceAll(id, address), text)
}
