/**
 * Proves at start-up that the installed gossipsub and libp2p can talk to each other. A gossipsub made for libp2p 2 loads
 * beside libp2p 3, logs nothing and delivers nothing; only a message that arrives tells.
 */
import { ClusterError } from '../errors.ts'
import { withSignal } from '../network/deadline.ts'
import { type GossipFactory, Host } from '../network/host.ts'
import { createIdentity, type NodeIdentity } from '../network/identity.ts'
import { describePackage, GOSSIPSUB, LIBP2P } from '../network/installed-packages.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { type Random, silentLog } from '../runtime.ts'

export interface SelfCheckInit {
  gossip: GossipFactory
  /** The name under which `gossip` was imported; for the message. */
  gossipPackage?: string
  /** Works in a few tenths of a second or not at all; a loaded machine gets some grace. */
  timeoutMs?: number
}

const TIMEOUT_MS = 5_000
const TOPIC = '/serac/self-check/1'
/** The line of package.json that makes the two fit. */
const ALIAS_LINE = `"${GOSSIPSUB}": "npm:@libp2p/gossipsub@17.1.1"`

/** Two throwaway hosts on loopback: one subscribes, the other publishes. Throws GOSSIP_BROKEN. */
export async function checkGossip(random: Random, init: SelfCheckInit): Promise<void> {
  const { gossip, gossipPackage = GOSSIPSUB, timeoutMs = TIMEOUT_MS } = init
  const speakerKey = createIdentity(random)
  const hearerKey = createIdentity(random)
  const isAllowed = (peer: NodeId) => peer === speakerKey.id || peer === hearerKey.id
  const makeHost = (identity: NodeIdentity) =>
    new Host({ identity, log: silentLog }, { listen: '127.0.0.1:0', isAllowed, gossip })
  const speaker = makeHost(speakerKey)
  const hearer = makeHost(hearerKey)
  try {
    await withSignal(deliver(speaker, hearer), AbortSignal.timeout(timeoutMs))
  } catch (error) {
    throw broken(gossipPackage, error)
  } finally {
    await Promise.allSettled([speaker.stop(), hearer.stop()])
  }
}

/** Resolves when a message of `speaker` has reached `hearer`; may never settle. */
async function deliver(speaker: Host, hearer: Host): Promise<void> {
  hearer.on('open', (link) => void hearer.admitToGossip(link).catch(() => {}))
  await Promise.all([speaker.start(), hearer.start()])
  const [says, hears] = [speaker.gossip, hearer.gossip]
  if (!says || !hears) throw new Error('the package gives no gossip service')
  const subscribed = new Promise<void>((resolve) => {
    says.addEventListener('subscription-change', () => resolve(), { once: true })
  })
  const heard = new Promise<void>((resolve) => {
    hears.addEventListener('message', () => resolve(), { once: true })
  })
  hears.subscribe(TOPIC)
  await speaker.admitToGossip(await speaker.dial(hearer.id, hearer.address))
  await subscribed
  await says.publish(TOPIC, new Uint8Array([1]))
  await heard
}

function broken(gossipPackage: string, cause: unknown): ClusterError {
  const libp2p = describePackage(LIBP2P)
  const gossip = describePackage(gossipPackage)
  return new ClusterError(
    'GOSSIP_BROKEN',
    `${gossip} delivers nothing beside ${libp2p}: these packages do not fit together. ` +
      `Run "npm ci" in the folder of Serac; its package.json must say ${ALIAS_LINE}.`,
    { libp2p, gossip },
    cause,
  )
}
