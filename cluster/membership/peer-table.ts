/** The other members of the cluster, and what this node knows of each: address, last hello, link. */
import { EventEmitter } from 'node:events'
import type { Link } from '../network/link.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock } from '../runtime.ts'
import type { ConfigView } from './cluster-config.ts'
import type { Hello } from './hello.ts'

export type LinkState = 'linked' | 'dialling' | 'down'

export interface PeerView {
  id: NodeId
  /** From the config. */
  address: string
  linkState: LinkState
  /** Wall time of the last change of `linkState`, ms; null while it was never linked. */
  linkSinceMs: number | null
  /** The last hello of this peer, of this link or an earlier one. */
  hello: Hello | null
  /** Why the last dial failed; null after a success. */
  dialError: string | null
}

interface Entry {
  link: Link | null
  hello: Hello | null
  linkSinceMs: number | null
  dialling: boolean
  dialError: string | null
}

/** `linked`: a peer's link came up or was replaced. `lost`: a peer has no link any more. */
export class PeerTable extends EventEmitter<{ linked: [NodeId]; lost: [NodeId] }> {
  readonly #ownId: NodeId
  readonly #config: ConfigView
  readonly #clock: Clock
  readonly #entries = new Map<NodeId, Entry>()

  constructor(ownId: NodeId, { config, clock }: { config: ConfigView; clock: Clock }) {
    super()
    this.#ownId = ownId
    this.#config = config
    this.#clock = clock
  }

  /** The members of the config in force, without this node. */
  memberIds(): NodeId[] {
    const members = this.#config.current().nodes
    return members.map(({ id }) => id).filter((id) => id !== this.#ownId)
  }

  list(): PeerView[] {
    return this.memberIds().map((id) => this.#view(id))
  }

  /** The last hello of a peer: where its API and bulk plane are. */
  hello(id: NodeId): Hello | null {
    return this.#entries.get(id)?.hello ?? null
  }

  /** The admitted link, or null. */
  linkTo(id: NodeId): Link | null {
    const link = this.#entries.get(id)?.link
    return link?.open ? link : null
  }

  /** Where to dial, best first: the config's address, then where the peer itself last said it listens. */
  addresses(id: NodeId): string[] {
    const addresses = [this.#configuredAddress(id), this.hello(id)?.controlAddress]
    return [
      ...new Set(addresses.filter((address): address is string => address !== undefined && address !== '')),
    ]
  }

  /** `link` is from now on the one way to its peer. Answers with the link that it replaces, for the caller to close. */
  admit(link: Link, hello: Hello): Link | null {
    const entry = this.#entry(link.peer)
    const replaced = entry.link
    entry.link = link
    entry.hello = hello
    entry.linkSinceMs = this.#clock.wallMs()
    entry.dialError = null
    this.emit('linked', link.peer)
    return replaced === link ? null : replaced
  }

  /** To be told of every closed link. */
  linkClosed(link: Link): void {
    const entry = this.#entries.get(link.peer)
    if (entry?.link !== link) return
    entry.link = null
    entry.linkSinceMs = this.#clock.wallMs()
    this.emit('lost', link.peer)
  }

  noteDial(id: NodeId, dialling: boolean, error: string | null): void {
    const entry = this.#entry(id)
    entry.dialling = dialling
    if (!dialling) entry.dialError = error
  }

  /** Drops what is known of peers that left the config. */
  forgetStrangers(): void {
    const members = new Set(this.memberIds())
    for (const [id, entry] of this.#entries) if (!members.has(id) && !entry.link) this.#entries.delete(id)
  }

  #view(id: NodeId): PeerView {
    const {
      hello = null,
      linkSinceMs = null,
      dialling = false,
      dialError = null,
    } = this.#entries.get(id) ?? {}
    const linkState = this.linkTo(id) ? 'linked' : dialling ? 'dialling' : 'down'
    return { id, address: this.#configuredAddress(id) ?? '', linkState, linkSinceMs, hello, dialError }
  }

  #configuredAddress(id: NodeId): string | undefined {
    return this.#config.current().nodes.find((node) => node.id === id)?.address
  }

  #entry(id: NodeId): Entry {
    let entry = this.#entries.get(id)
    if (!entry) {
      entry = { link: null, hello: null, linkSinceMs: null, dialling: false, dialError: null }
      this.#entries.set(id, entry)
    }
    return entry
  }
}
