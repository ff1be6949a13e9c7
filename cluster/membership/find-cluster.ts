/** The other side of the rendezvous desk: a node that has nothing but an invite finds out whom to ask to be let in. */
import { ClusterError } from '../errors.ts'
import type { OpenSwarm, SwarmChannel } from '../network/swarm-port.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { type Clock, sleep } from '../runtime.ts'
import { type InviteHost, type InviteToken, secretHash } from './invite-token.ts'
import { decodeAnswer, encodeKnock, type RendezvousAnswer, topicOf } from './rendezvous-messages.ts'

export interface FindClusterComponents {
  self: NodeId
  clock: Clock
  openSwarm: OpenSwarm
}

export interface FindClusterOptions {
  bootstrap: readonly string[]
  /** Address to look from. */
  bindHost: string
  limitMs?: number
}

/** A hash table one of whose nodes is down answers after six seconds, and again after six what was found there. */
const LIMIT_MS = 40_000
/** Pause before the topic is looked up once more: the node that made the invite may still be about to announce it. */
const LOOK_AGAIN_MS = 1_000
/** Who was found answers within a round trip. */
const ANSWER_TIMEOUT_MS = 5_000

/**
 * The voters of the cluster that the invite comes from. Throws MEMBERSHIP_REFUSED when a node of that cluster says what is
 * wrong with the invite, PEER_UNREACHABLE when none is found.
 */
export async function findCluster(
  { self, clock, openSwarm }: FindClusterComponents,
  token: InviteToken,
  { bootstrap, bindHost, limitMs = LIMIT_MS }: FindClusterOptions,
): Promise<InviteHost[]> {
  const hash = secretHash(token.secret)
  const over = new AbortController()
  let answer: RendezvousAnswer | null = null
  const onChannel = async (channel: SwarmChannel) => {
    const heard = await knock(channel, hash)
    if (!heard || answer) return
    answer = heard
    over.abort()
  }
  const swarm = await openSwarm({
    bootstrap,
    listen: `${bindHost}:0`,
    isGuide: false,
    onChannel: (channel) => void onChannel(channel),
  })
  const cancel = clock.after(limitMs, () => over.abort())
  try {
    while (!over.signal.aborted) {
      const looked = swarm.seek(topicOf(hash)).then(() => sleep(clock, LOOK_AGAIN_MS, over.signal))
      await Promise.race([looked, aborted(over.signal)]).catch(() => {})
    }
  } finally {
    cancel()
    await swarm.close()
  }
  return judge(answer, token, self, clock.wallMs())
}

async function knock(channel: SwarmChannel, hash: string): Promise<RendezvousAnswer | null> {
  try {
    channel.send(encodeKnock(hash, channel.binding))
    return decodeAnswer(await channel.receive(ANSWER_TIMEOUT_MS), hash, channel.binding)
  } catch {
    // Anybody may announce a topic.
    return null
  } finally {
    channel.close()
  }
}

function judge(
  answer: RendezvousAnswer | null,
  token: InviteToken,
  self: NodeId,
  nowMs: number,
): InviteHost[] {
  if (!answer) throw unfound(token, nowMs)
  if (answer.clusterId !== token.clusterId) {
    const message =
      `the nodes that were found belong to cluster ${answer.clusterId}, the invite to ${token.clusterId}: ` +
      `ask for a new invite`
    throw new ClusterError('MEMBERSHIP_REFUSED', message)
  }
  if (answer.state === 'open' || (answer.state === 'used' && answer.usedBy === self)) return answer.hosts
  const why = {
    used: `node ${answer.usedBy} has joined by this invite already; if that node is not yours, remove it ("serac remove")`,
    revoked: 'an operator has revoked this invite',
    expired: `this invite was valid until ${isoTime(token.expiresAtMs)}`,
  }
  throw new ClusterError('MEMBERSHIP_REFUSED', `${why[answer.state]}: ask for a new one`)
}

function unfound({ expiresAtMs }: InviteToken, nowMs: number): ClusterError {
  const isOver = expiresAtMs <= nowMs
  const why = isOver
    ? `the invite was valid until ${isoTime(expiresAtMs)}, so ask for a new one`
    : 'see that its nodes run with rendezvous_bootstrap, and that their rendezvous_port (UDP) can be reached from here'
  return new ClusterError('PEER_UNREACHABLE', `no node of the cluster was found by the invite: ${why}`)
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
