/**
 * Offline changes of one node's registers that make it the only voter of a cluster: a new cluster (`serac init`), or what
 * is left of one that lost its majority (`serac recover --from-this-node`, R10). Nothing may vote meanwhile.
 */
import type { ClusterConfig, MemberNode } from '../membership/cluster-config.ts'
import { FEATURE_LEVEL } from '../membership/feature-level.ts'
import type { Random } from '../runtime.ts'
import { compareBallots, maxBallot, type Ballot } from './ballot.ts'
import { CONFIG_KEY, configIn } from './config-register.ts'
import { inPages } from './in-pages.ts'
import { decodeValue, encodeValue, valueDigest } from './register-value.ts'
import type { AcceptorState, LearnerRow, RegisterStorage } from './storage.ts'

/** What recovery needs of a disk beyond the voter's own needs. */
export interface RecoverableStorage extends RegisterStorage {
  /** Every vote row; null for one that cannot be read. */
  voteRows(): AsyncIterable<{ key: string; state: AcceptorState } | null>
  learnedKeys(): readonly string[]
}

export interface Recovered {
  config: ClusterConfig
  registers: number
}

const CLUSTER_ID_BYTES = 16
const NONCE_BYTES = 8
/** Above every nonce of its counter. */
const LAST_NONCE = 'f'.repeat(2 * NONCE_BYTES)
/** Votes in one group: enough to share a sync, few enough to hold in memory. */
const VOTES_AT_ONCE = 256

/** Epoch 1 of a new cluster with a cluster id of its own; `self` is its only member. The store must hold no votes. */
export async function foundCluster(
  storage: RegisterStorage,
  self: MemberNode,
  random: Random,
): Promise<ClusterConfig> {
  const config = { ...aloneIn(storage, self, random), epoch: 1, removed: [] }
  await writeConfig(storage, config, { counter: 1, nonce: hexOf(random.bytes(NONCE_BYTES)) }, 0)
  return config
}

/**
 * Makes the highest value known here of each register the chosen one, in a cluster of this node alone with a new id, so
 * that no node of the old cluster can join in. May be repeated after a crash: until the end the old config stands.
 */
export async function recoverAlone(
  storage: RecoverableStorage,
  before: ClusterConfig,
  self: MemberNode,
  random: Random,
): Promise<Recovered> {
  const highest = maxBallot(await learnOwnVotes(storage), highestLearned(storage))
  const keys = storage.learnedKeys().filter((key) => key !== CONFIG_KEY)
  const version = configVersion(storage.learned(CONFIG_KEY))
  await storage.renewIdentity(true)
  await inPages(keys, VOTES_AT_ONCE, (key) => acceptLearned(storage, key))
  await storage.raiseFloor({ counter: highest.counter + 1, nonce: LAST_NONCE })
  const removed = before.nodes.map(({ id }) => id).filter((id) => id !== self.id)
  const config = { ...aloneIn(storage, self, random), epoch: before.epoch + 1, removed }
  const ballot = { counter: highest.counter + 2, nonce: hexOf(random.bytes(NONCE_BYTES)) }
  await writeConfig(storage, config, ballot, version)
  return { config, registers: keys.length }
}

/** The config that this store knows best: the one in force, else one that was at least proposed; null when there is none. */
export function configInStore(storage: RegisterStorage): ClusterConfig | null {
  const learned = storage.learned(CONFIG_KEY)
  const kept = storage.configInForce()
  if (kept && !(learned?.settled && compareBallots(learned.ballot, kept.ballot) > 0)) return configIn(kept)
  if (learned) return configIn(learned)
  const accepted = readableState(storage)?.accepted
  return accepted ? configIn(accepted) : null
}

function readableState(storage: RegisterStorage): AcceptorState | null {
  try {
    return storage.acceptorState(CONFIG_KEY)
  } catch {
    return null
  }
}

/** Votes above their learner rows become learner rows, too. Answers with the highest ballot of any vote. */
async function learnOwnVotes(storage: RecoverableStorage): Promise<Ballot> {
  let highest = storage.floor()
  for await (const row of storage.voteRows()) {
    if (!row) continue
    const { key, state } = row
    highest = maxBallot(highest, state.promised)
    const learned = storage.learned(key)
    if (!state.accepted || (learned && compareBallots(learned.ballot, state.accepted.ballot) >= 0)) continue
    await storage.learn(key, { ...state.accepted, settled: false })
  }
  return highest
}

function highestLearned(storage: RecoverableStorage): Ballot {
  const ballots = storage.learnedKeys().flatMap((key) => storage.learned(key)?.ballot ?? [])
  return ballots.reduce(maxBallot, storage.floor())
}

async function acceptLearned(storage: RegisterStorage, key: string): Promise<void> {
  const row = storage.learned(key)
  if (!row) return
  const { ballot, value, digest } = row
  await storage.vote(key, { promised: ballot, accepted: { ballot, value, digest } }, true)
  await storage.learn(key, { ...row, settled: true })
}

function aloneIn(storage: RegisterStorage, member: MemberNode, random: Random) {
  // Nobody is left that it could give its copies to.
  const { drained: _drained, ...self } = member
  return {
    clusterId: hexOf(random.bytes(CLUSTER_ID_BYTES)),
    voters: [self.id],
    joint: null,
    nodes: [{ ...self, role: 'voter' as const }],
    databases: { [self.id]: storage.identity().dbUuid },
    invites: [],
    featureLevel: FEATURE_LEVEL,
  }
}

async function writeConfig(
  storage: RegisterStorage,
  config: ClusterConfig,
  ballot: Ballot,
  version: number,
): Promise<void> {
  const value = encodeValue({ live: true, record: config, version: version + 1, ring: [] })
  const accepted = { ballot, value, digest: valueDigest(value) }
  await storage.vote(CONFIG_KEY, { promised: ballot, accepted }, true)
  await storage.keepConfig({ ...accepted, settled: true })
  await storage.learn(CONFIG_KEY, { ...accepted, settled: true })
}

function configVersion(row: LearnerRow | null): number {
  return row ? decodeValue(row.value).version : 0
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
