/** A control plane without sockets: requests pass through CBOR, and a test may watch, hold or lose each of them. */
import { decode, encode } from 'cborg'
import { ClusterError, SeracError } from '../../cluster/errors.ts'
import type { ControlProtocol, NodeId, PeerRpc, RpcHandler } from '../../cluster/network/rpc-port.ts'

export interface Sent {
  from: NodeId
  to: NodeId
  protocol: ControlProtocol
  /** The `kind` of a vote or catch-up request. */
  kind: string
  request: unknown
}

export class MemoryNetwork {
  /** Every request, in order. */
  readonly sent: Sent[] = []
  /** Requests to these nodes fail at once. */
  readonly down = new Set<NodeId>()
  /** Called before a request is delivered; throws to lose it, waits to hold it back. */
  beforeRequest: (sent: Sent) => Promise<void> | void = () => {}
  /** Called before an answer is delivered; throws to lose the answer of a request that took effect. */
  beforeAnswer: (sent: Sent) => Promise<void> | void = () => {}
  readonly #handlers = new Map<string, RpcHandler>()

  /** The plane as one node sees it. */
  join(self: NodeId): PeerRpc {
    return {
      handle: (protocol, handler) => void this.#handlers.set(`${self} ${protocol}`, handler),
      request: (to, protocol, request) => this.#carry(self, to, protocol, request),
    }
  }

  /** How many requests of a kind were sent, to one node or to all. */
  count(kind: string, to?: NodeId): number {
    return this.sent.filter((sent) => sent.kind === kind && (to === undefined || sent.to === to)).length
  }

  async #carry(from: NodeId, to: NodeId, protocol: ControlProtocol, request: unknown): Promise<unknown> {
    const body = (request as { body?: unknown } | null)?.body ?? request
    const kind = (body as { kind?: string } | null)?.kind ?? ''
    const sent: Sent = { from, to, protocol, kind, request: body }
    this.sent.push(sent)
    await this.beforeRequest(sent)
    const handler = this.#handlers.get(`${to} ${protocol}`)
    if (this.down.has(to) || !handler)
      throw new ClusterError('PEER_UNREACHABLE', `node ${to} cannot be reached`)
    const answer = encode((await overTheWire(handler(from, decode(encode(request))))) ?? null)
    await this.beforeAnswer(sent)
    return decode(answer)
  }
}

/** What a handler throws loses its class on the way, as on the real plane. */
async function overTheWire(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof SeracError) throw new SeracError(error.code, error.message, error.fields)
    throw error
  }
}
