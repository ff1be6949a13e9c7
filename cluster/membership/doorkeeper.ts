/**
 * Who may come through the handshake (R10). Members may do everything. Two kinds of strangers get in as far as the door:
 * those who may bring an invite, while one is open, and nodes that were removed, so that they can be told. Neither may use
 * anything but the protocols that tell them where they stand.
 */
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock } from '../runtime.ts'
import { isOpen, type ConfigView } from './cluster-config.ts'

export interface DoorkeeperComponents {
  config: ConfigView
  clock: Clock
  /** Peers of the links that are open now. */
  linked: () => readonly NodeId[]
}

/** Strangers at the door at once; one that joins stays for a second. */
export const STRANGERS_MAX = 8

export class Doorkeeper {
  readonly #components: DoorkeeperComponents

  constructor(components: DoorkeeperComponents) {
    this.#components = components
  }

  isMember(peer: NodeId): boolean {
    return this.#components.config.current().nodes.some(({ id }) => id === peer)
  }

  /** Whether a link with this peer may be there at all; read at every handshake and dial. */
  mayEnter(peer: NodeId): boolean {
    if (this.isMember(peer)) return true
    const { config, clock, linked } = this.#components
    const { invites, removed } = config.current()
    const nowMs = clock.wallMs()
    const mayKnock = removed.includes(peer) || invites.some((invite) => isOpen(invite, nowMs))
    if (!mayKnock) return false
    const strangers = new Set(linked().filter((id) => !this.isMember(id)))
    return strangers.has(peer) || strangers.size < STRANGERS_MAX
  }
}
