/**
 * Where a node that has nothing but an invite finds the cluster (R10): this node is announced under the topic of each
 * invite, and tells whoever proves to know the invite where the voters are. It lets nobody in; the join desk does.
 */
import { toError } from '../errors.ts'
import type { OpenSwarm, Swarm, SwarmChannel } from '../network/swarm-port.ts'
import type { Clock, Log } from '../runtime.ts'
import { type ClusterConfig, type Invite, inviteState } from './cluster-config.ts'
import { inviteId } from './invite-token.ts'
import { encodeAnswer, inviteOfKnock, type RendezvousAnswer, topicOf } from './rendezvous-messages.ts'

export interface RendezvousDeskComponents {
  clock: Clock
  log: Log
  config: { current(): ClusterConfig; onChanged(listener: () => void): void }
  openSwarm: OpenSwarm
}

export interface RendezvousDeskOptions {
  bootstrap: readonly string[]
  /** `host:port`, UDP. */
  listen: string
}

/** Since the start. */
export interface RendezvousCounts {
  /** Who proved to know an invite and was told where the voters are. */
  guided: number
  /** Who did not. */
  turnedAway: number
}

/** Strangers at once. Each is there for one message. */
const STRANGERS_MAX = 16
/** From connection to proof: one round trip and a little. */
const KNOCK_TIMEOUT_MS = 3_000
/** How often it is looked which invites have expired, and the others are announced again. */
const LOOK_EVERY_MS = 30_000
/** So long after its end an invite is still announced, for whoever comes too late to be told so. */
const EXPIRED_GRACE_MS = 10 * 60_000

export class RendezvousDesk {
  readonly #components: RendezvousDeskComponents
  readonly #options: RendezvousDeskOptions
  readonly #counts: RendezvousCounts = { guided: 0, turnedAway: 0 }
  readonly #strangers = new Set<SwarmChannel>()
  #swarm: Swarm | null = null
  #cancelLook = () => {}

  constructor(components: RendezvousDeskComponents, options: RendezvousDeskOptions) {
    this.#components = components
    this.#options = options
    components.config.onChanged(() => this.#announce())
  }

  get counts(): Readonly<RendezvousCounts> {
    return this.#counts
  }

  /** Throws an Error for the operator when it cannot listen. */
  async start(): Promise<void> {
    this.#swarm = await this.#components.openSwarm({
      ...this.#options,
      isGuide: true,
      onChannel: (channel) => void this.#serve(channel),
      mayConnect: () => this.#announced().length > 0 && this.#strangers.size < STRANGERS_MAX,
    })
    this.#look()
  }

  async stop(): Promise<void> {
    this.#cancelLook()
    const swarm = this.#swarm
    this.#swarm = null
    await swarm?.close()
  }

  #look(): void {
    this.#announce()
    this.#cancelLook = this.#components.clock.after(LOOK_EVERY_MS, () => this.#look())
  }

  #announce(): void {
    this.#swarm?.announce(this.#announced().map(({ secretHash }) => topicOf(secretHash)))
  }

  /** Not only the open ones: who comes with another one is to be told what is wrong with it. */
  #announced(): Invite[] {
    const { config, clock } = this.#components
    const oldestMs = clock.wallMs() - EXPIRED_GRACE_MS
    return config.current().invites.filter(({ expiresAtMs }) => expiresAtMs > oldestMs)
  }

  async #serve(channel: SwarmChannel): Promise<void> {
    if (this.#strangers.size >= STRANGERS_MAX) return channel.close()
    this.#strangers.add(channel)
    try {
      const knock = await channel.receive(KNOCK_TIMEOUT_MS)
      const invite = inviteOfKnock(knock, channel.binding, this.#announced())
      this.#counts[invite ? 'guided' : 'turnedAway']++
      if (!invite) return
      const answer = this.#answerTo(invite)
      this.#components.log.info(
        { invite: inviteId(invite), state: answer.state },
        'an invite was shown at the rendezvous',
      )
      channel.send(encodeAnswer(answer, invite.secretHash, channel.binding))
    } catch (error) {
      this.#counts.turnedAway++
      this.#components.log.debug(
        { error: toError(error).message },
        'a stranger at the rendezvous said nothing',
      )
    } finally {
      this.#strangers.delete(channel)
      channel.close()
    }
  }

  #answerTo(invite: Invite): RendezvousAnswer {
    const { config, clock } = this.#components
    const { clusterId, nodes, voters } = config.current()
    const hosts = nodes.filter(({ id }) => voters.includes(id)).map(({ id, address }) => ({ id, address }))
    const state = inviteState(invite, clock.wallMs())
    return { clusterId, hosts, state, usedBy: state === 'used' ? invite.usedBy : null }
  }
}
