/**
 * Turns connections into links: the side that dialled says hello, the other answers with its own, both judge by the
 * same rule. Only then is the link used.
 *
 * A peer has one link. Two of one life (both sides dialled) are settled by who dialled. A second one with another start
 * nonce is the peer after a restart, unless the old link still answers: then two processes run with one key, and the
 * newcomer is refused (R8).
 */
import { ClusterError } from '../errors.ts'
import type { Host } from '../network/host.ts'
import type { NodeIdentity } from '../network/identity.ts'
import type { Link } from '../network/link.ts'
import type { Rpc } from '../network/rpc.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock, Log } from '../runtime.ts'
import type { ConfigView } from './cluster-config.ts'
import type { Hello, HelloAnswer, RefusalReason } from './hello.ts'
import { judgeHello, parseHello, parseHelloAnswer } from './hello.ts'
import { HEARTBEAT_TIMEOUT_MS, parseHeartbeat } from './heartbeat.ts'
import type { PeerTable } from './peer-table.ts'
import type { Refusals } from './refusals.ts'

export interface AdmissionComponents {
  identity: NodeIdentity
  host: Host
  rpc: Rpc
  peers: PeerTable
  refusals: Refusals
  clock: Clock
  log: Log
  config: ConfigView
  isMember: (peer: NodeId) => boolean
}

/** One round trip, and at worst the wait for an old link that no longer answers. */
const HELLO_TIMEOUT_MS = 4_000
/** A refused dialler hangs up when it has read why; this is for one that does not. */
const REFUSED_LINK_GRACE_MS = 1_000
/** Most requests have ended by then, one way or the other. */
const SPARE_LINK_GRACE_MS = 1_000

export class Admission {
  readonly #components: AdmissionComponents
  readonly #ownHello: () => Hello

  /** `ownHello` is asked at each use: it tells the epoch. */
  constructor(components: AdmissionComponents, ownHello: () => Hello) {
    this.#components = components
    this.#ownHello = ownHello
    components.rpc.handle('hello', (from, request, link) => this.#answer(from, request, link))
  }

  /** Says hello on a link this side dialled. Rejects, with the link closed, when either side refuses it. */
  async greet(link: Link): Promise<void> {
    try {
      const options = { timeoutMs: HELLO_TIMEOUT_MS }
      const answer = parseHelloAnswer(
        await this.#components.rpc.requestOn(link, 'hello', this.#ownHello(), options),
      )
      if (!answer) throw new ClusterError('BAD_FRAME', 'the peer answered hello with something else')
      const refusal =
        this.#judge(link, answer.hello) ?? answer.refusal ?? (await this.#admit(link, answer.hello))
      if (refusal) throw this.#refused(link.peer, refusal)
    } catch (error) {
      link.close('the peer was refused')
      throw error
    }
  }

  async #answer(from: NodeId, request: unknown, link: Link | null): Promise<HelloAnswer> {
    const hello = parseHello(request)
    if (!hello || !link) throw new ClusterError('BAD_FRAME', 'malformed hello')
    const { isMember, refusals } = this.#components
    const refusal = this.#judge(link, hello) ?? this.#judgePlace(from) ?? (await this.#admit(link, hello))
    if (refusal) {
      // Strangers are many, and no concern of this cluster's operators.
      if (isMember(from)) refusals.note(from, refusal)
      this.#components.clock.after(REFUSED_LINK_GRACE_MS, () => link.close('the peer was refused'))
    }
    return { hello: this.#ownHello(), refusal }
  }

  #judge(link: Link, theirs: Hello): RefusalReason | null {
    if (theirs.nodeId !== link.peer) {
      return { code: 'BAD_FRAME', message: `node ${link.peer} says that it is ${theirs.nodeId}` }
    }
    return judgeHello(this.#ownHello(), theirs, this.#components.config.current().featureLevel)
  }

  /** Not only told to former members: a stranger may be at the door while an invite is open. */
  #judgePlace(peer: NodeId): RefusalReason | null {
    if (this.#components.isMember(peer)) return null
    const message =
      `node ${peer} is no member of this cluster any more: stop it, empty its data directory, ` +
      `and let it join with an invite ("serac invite", "serac join") if it is to come back`
    return { code: 'NOT_A_MEMBER', message }
  }

  #refused(peer: NodeId, { code, message }: RefusalReason): ClusterError {
    this.#components.refusals.note(peer, { code, message })
    return new ClusterError(code, message, { peer })
  }

  async #admit(link: Link, hello: Hello): Promise<RefusalReason | null> {
    const { peers, refusals } = this.#components
    const current = peers.linkTo(link.peer)
    const life = peers.hello(link.peer)?.startNonce
    if (current && current !== link) {
      if (life === hello.startNonce) {
        if (this.#isPreferred(current) && !this.#isPreferred(link)) return this.#dropSpare(link)
      } else if (await this.#stillAnswers(current, life)) return duplicateIdentity(link.peer)
    }
    if (!link.open) return null
    const replaced = peers.admit(link, hello)
    refusals.clear(link.peer)
    if (replaced && life === hello.startNonce) return this.#dropSpare(replaced, () => this.#shareGossip(link))
    replaced?.close('replaced by the link of a newer start')
    this.#shareGossip(link)
    return null
  }

  /** Both sides agree on this without a word: of two links, the one that the lower id dialled stays. */
  #isPreferred(link: Link): boolean {
    return link.dialled === this.#components.identity.id < link.peer
  }

  /**
   * Nothing new goes over it, and what is under way still ends: the hello itself, or requests that it was used for. Gossip
   * stays with the link that it began on, and moves on when that is closed.
   */
  #dropSpare(link: Link, onClosed = () => {}): null {
    this.#components.clock.after(SPARE_LINK_GRACE_MS, () => {
      link.close('the peer has another link')
      onClosed()
    })
    return null
  }

  async #stillAnswers(link: Link, startNonce: string | undefined): Promise<boolean> {
    try {
      const options = { timeoutMs: HEARTBEAT_TIMEOUT_MS }
      const answer = parseHeartbeat(await this.#components.rpc.requestOn(link, 'heartbeat', null, options))
      return answer?.startNonce === startNonce
    } catch {
      return false
    }
  }

  #shareGossip(link: Link): void {
    this.#components.host.admitToGossip(link).catch((error: unknown) => {
      this.#components.log.debug({ peer: link.peer, err: error }, 'gossip does not use the link')
    })
  }
}

function duplicateIdentity(peer: NodeId): RefusalReason {
  const message =
    `two running processes use the key of node ${peer}: stop the copy (a cloned machine or a copied data directory), ` +
    `give it an empty data directory and join it anew`
  return { code: 'DUPLICATE_IDENTITY', message }
}
