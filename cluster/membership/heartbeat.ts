/** The heartbeat answer. The request is empty. */
import { isPlainObject } from '../network/rpc-messages.ts'

export interface Heartbeat {
  startNonce: string
  /** Whatever the composition root wants its peers to know, e.g. the head of its change log. Small. */
  info: unknown
}

/** Longer than any healthy answer under load, shorter than the silence that makes a suspect. */
export const HEARTBEAT_TIMEOUT_MS = 1_500

export function parseHeartbeat(value: unknown): Heartbeat | null {
  if (!isPlainObject(value) || typeof value['startNonce'] !== 'string') return null
  return { startNonce: value['startNonce'], info: value['info'] }
}
