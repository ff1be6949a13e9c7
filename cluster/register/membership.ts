/**
 * Changes of the cluster's membership (rule R10), while traffic runs. Voters change in three steps, each of which may be
 * repeated by any node after a crash: the joint config, the rescan, the new config.
 */
import { ClusterError, hasCode } from '../errors.ts'
import type { ClusterConfig, LivenessView, MemberNode } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { sleep, stopController, type Clock, type Log } from '../runtime.ts'
import * as operations from './config-operations.ts'
import { CONFIG_KEY } from './config-register.ts'
import type { CurrentConfig } from './current-config.ts'
import type { EpochFence } from './epoch-fence.ts'
import { coordinatorsOf } from './key-order.ts'
import type { OperationCall } from './operations.ts'
import type { Proposer } from './proposer.ts'
import { allVoters, askEach, askMost, goodAnswers, isQuorum, majorityOf, voterSets } from './quorum.ts'
import { decodeValue } from './register-value.ts'
import { Rescan, type RescanProgress } from './rescan.ts'
import type { RegisterStorage } from './storage.ts'
import type { Outcome } from './vote-messages.ts'
import type { VoterClient } from './voter-client.ts'

export interface MembershipComponents {
  self: NodeId
  clock: Clock
  log: Log
  config: CurrentConfig
  liveness: LivenessView
  fence: EpochFence
  voters: VoterClient
  storage: RegisterStorage
  proposer: Proposer
  execute: (key: string, call: OperationCall) => Promise<Outcome>
  mintOpId: () => string
}

/** What a change of the voters will do; nothing is done yet. */
export interface VoterPlan {
  epoch: number
  from: NodeId[]
  to: NodeId[]
  joining: NodeId[]
  leaving: NodeId[]
  /** Registers that this node knows: each is looked at once. */
  registers: number
  /** What an operator should know before going on. */
  warnings: string[]
}

/** How often a node looks whether a change that nobody finishes is its to finish. */
const RESUME_EVERY_MS = 2000
const RETRY_EVERY_MS = 500
/** How often those that are to vote are asked whether they are ready. */
const READY_LOOK_MS = 100
/** Getting ready reads the voters' lists, at some 5000 registers a second: enough for a million of them. */
const READY_LIMIT_MS = 240_000
/** How often the new voters are asked whether they know that they are, before the operator is told that it is not sure. */
const IN_FORCE_TRIES = 20
const NOTICE_LOOK_MS = 20
const NOTICE_PATIENCE_MS = 1000

export class Membership {
  readonly #components: MembershipComponents
  readonly #stopping = stopController()
  #driving: Promise<void> | null = null
  #progress: RescanProgress | null = null

  constructor(components: MembershipComponents) {
    this.#components = components
  }

  start(): void {
    void this.#resumeForever()
  }

  stop(): void {
    this.#stopping.abort(new ClusterError('STOPPING', 'the registers stop'))
  }

  /** How far the rescan of a change of the voters has come at this node; null when it drives none. */
  get progress(): RescanProgress | null {
    return this.#progress
  }

  /** Throws MEMBERSHIP_REFUSED when it cannot be done. */
  plan(voters: readonly NodeId[]): VoterPlan {
    const { config, storage, liveness } = this.#components
    const view = config.current()
    const to = voters.toSorted()
    const state = { live: true, record: view }
    const call = { voters: to, databases: Object.fromEntries(to.map((voter) => [voter, ''])) }
    const decision = operations.configOperations[operations.BEGIN_JOINT]?.(state, call)
    if (decision?.kind === 'refuse') throw new ClusterError('MEMBERSHIP_REFUSED', decision.refusal.message)
    const down = allVoters([view.voters, to]).filter((voter) => !liveness.isAlive(voter))
    return {
      epoch: view.epoch,
      from: view.voters,
      to,
      joining: to.filter((voter) => !view.voters.includes(voter)),
      leaving: view.voters.filter((voter) => !to.includes(voter)),
      registers: storage.registerCount(),
      warnings: down.map(
        (voter) => `${voter} is down: a majority of the old and of the new voters must be up`,
      ),
    }
  }

  /** Makes exactly these nodes the voters; resolves when they alone count. Throws MEMBERSHIP_REFUSED, NO_QUORUM. */
  async setVoters(voters: readonly NodeId[]): Promise<void> {
    const to = voters.toSorted()
    const { joining } = this.plan(to)
    await this.#untilReady(joining)
    const databases = await this.#databasesOf(to)
    await this.#change(operations.BEGIN_JOINT, { voters: to, databases })
    await this.#drive()
  }

  /** Gives a change of the voters up; the old ones stay. */
  async abort(): Promise<void> {
    const { joint } = this.#components.config.current()
    if (joint) await this.#change(operations.ABORT_JOINT, { voters: joint })
  }

  /** Takes in a node that does not vote, or changes what is said of a member. */
  putNode(member: MemberNode): Promise<void> {
    return this.#change(operations.PUT_NODE, { member })
  }

  /** For good: from now on members of older releases are refused. */
  raiseLevel(level: number): Promise<void> {
    return this.#change(operations.RAISE_LEVEL, { level })
  }

  /** Throws MEMBERSHIP_REFUSED for the last node that holds images. */
  setDrained(node: NodeId, drained: boolean): Promise<void> {
    return this.#change(operations.SET_DRAINED, { node, drained })
  }

  /** `epoch`: refused under any other one. */
  removeNode(node: NodeId, epoch: number | null = null): Promise<void> {
    return this.#change(operations.REMOVE_NODE, { node, epoch })
  }

  addInvite(secretHash: string, expiresAtMs: number): Promise<void> {
    const nowMs = this.#components.clock.wallMs()
    return this.#change(operations.ADD_INVITE, { invite: { secretHash, expiresAtMs, usedBy: null }, nowMs })
  }

  /** Throws MEMBERSHIP_REFUSED for one that is unknown or was used. */
  revokeInvite(id: string): Promise<void> {
    return this.#change(operations.REVOKE_INVITE, { id })
  }

  redeemInvite(secretHash: string, member: MemberNode): Promise<void> {
    const nowMs = this.#components.clock.wallMs()
    return this.#change(operations.REDEEM_INVITE, { secretHash, member, nowMs })
  }

  async #change(name: string, args: unknown): Promise<void> {
    const { execute, mintOpId } = this.#components
    const outcome = await execute(CONFIG_KEY, { name, args, opId: mintOpId() })
    if (!outcome.done) throw new ClusterError('MEMBERSHIP_REFUSED', outcome.refusal.message)
    await this.#learned(decodeValue(outcome.value).record as ClusterConfig)
  }

  /** The commit notice brings a written config here; when it was lost, a round asks for it. */
  async #learned({ epoch }: ClusterConfig): Promise<void> {
    const { clock, config, proposer } = this.#components
    for (let waitedMs = 0; waitedMs < NOTICE_PATIENCE_MS; waitedMs += NOTICE_LOOK_MS) {
      if (config.current().epoch >= epoch) return config.durable()
      await sleep(clock, NOTICE_LOOK_MS, this.#stopping.signal)
    }
    await config.refresh(proposer)
  }

  /** Whether a refusal is no news: somebody else changed the config meanwhile. */
  async #isOutdated(view: ClusterConfig): Promise<boolean> {
    const { config, proposer } = this.#components
    await config.refresh(proposer)
    return config.current().epoch > view.epoch
  }

  /**
   * What a node does before it votes takes seconds with many registers, and once the change has begun nothing can be written
   * meanwhile. Who does not answer is not waited for. Throws MEMBERSHIP_REFUSED.
   */
  async #untilReady(joining: readonly NodeId[]): Promise<void> {
    const { clock, config, voters: client } = this.#components
    const { signal } = this.#stopping
    const giveUpMs = clock.monotonicMs() + READY_LIMIT_MS
    for (;;) {
      const { epoch } = config.current()
      const ask = (voter: NodeId) => client.getReady(epoch, voter, signal)
      const unready = goodAnswers(await askEach(joining, ask)).flatMap(([voter, is]) => (is ? [] : [voter]))
      if (unready.length === 0) return
      if (clock.monotonicMs() > giveUpMs) {
        const message = `${unready.join(', ')} did not get ready to vote: see its log, and try again`
        throw new ClusterError('MEMBERSHIP_REFUSED', message, { unready })
      }
      await sleep(clock, READY_LOOK_MS, signal)
    }
  }

  /**
   * The databases of the voters that join. Throws MEMBERSHIP_REFUSED unless most of the new voters answer: once the
   * change has begun, no register but the config is written without them. A node that still has votes of an earlier
   * time is not named: it gives them up and claims its place by itself.
   */
  async #databasesOf(voters: readonly NodeId[]): Promise<Record<NodeId, string>> {
    const { config, voters: client } = this.#components
    const { epoch } = config.current()
    const answers = new Map(goodAnswers(await askEach(voters, (voter) => client.witness(epoch, voter))))
    const away = voters.filter((voter) => !answers.has(voter))
    if (answers.size < majorityOf(voters.length)) {
      const message = `too few of the new voters answer: ${away.join(', ')} must be up first`
      throw new ClusterError('MEMBERSHIP_REFUSED', message, { away })
    }
    const identities = [...answers].map(([voter, { identity }]) => ({ voter, ...identity }))
    const blank = identities.filter(({ voteSequence }) => voteSequence === 0)
    return Object.fromEntries(blank.map(({ voter, dbUuid }) => [voter, dbUuid]))
  }

  /** Takes the joint config that is in force to its end; several nodes may do so at once. */
  #drive(): Promise<void> {
    this.#driving ??= this.#driveNow().finally(() => {
      this.#driving = null
      this.#progress = null
    })
    return this.#driving
  }

  async #driveNow(): Promise<void> {
    const { config, clock, log } = this.#components
    const { signal } = this.#stopping
    for (let { joint } = config.current(); joint; { joint } = config.current()) {
      signal.throwIfAborted()
      const view = config.current()
      try {
        await this.#assertVoting(view)
        const looked = await this.#rescan(view, joint)
        await this.#change(operations.FINISH_JOINT, { voters: joint, databases: view.databases })
        log.info({ voters: joint, ...looked }, 'the voters have changed')
      } catch (error) {
        if (hasCode(error, 'MEMBERSHIP_REFUSED') && !(await this.#isOutdated(view))) throw error
        log.info({ error: String(error) }, 'the change of the voters goes on later')
        if (config.current() === view) await sleep(clock, RETRY_EVERY_MS, signal)
      }
    }
    await this.#untilInForce()
  }

  /**
   * A new config that was accepted need not be known to be chosen by any of its voters. Until most of them have it in force,
   * the disks of the old ones are needed: who is told that the change is over may take them away. Throws NO_QUORUM.
   */
  async #untilInForce(): Promise<void> {
    const { config, clock, voters: client } = this.#components
    const { signal } = this.#stopping
    for (let tries = 0; tries < IN_FORCE_TRIES; tries++) {
      const { epoch, voters } = config.current()
      const ask = (voter: NodeId) => client.witness(epoch, voter, signal)
      const isEnough = (has: (voter: NodeId) => boolean) => isQuorum([voters], has)
      const answers = new Map(goodAnswers(await askMost(clock, voters, ask, isEnough)))
      if (isEnough((voter) => answers.has(voter))) return
      if (config.current().epoch === epoch) await sleep(clock, RETRY_EVERY_MS, signal)
    }
    const message =
      'the voters have changed, but too few of them say so yet: keep the old ones up until they do'
    throw new ClusterError('NO_QUORUM', message)
  }

  /**
   * Those that join learn of it and ask around before they vote, which takes them some tenths of a second. A rescan that
   * does not wait would settle by rounds, one by one, what it could copy by the thousand. Throws NO_QUORUM.
   */
  async #assertVoting(view: ClusterConfig): Promise<void> {
    const { clock, voters: client } = this.#components
    const sets = voterSets(view)
    const question = [{ key: CONFIG_KEY, known: null }]
    const ask = (voter: NodeId) => client.read(view, voter, question)
    const answers = await askMost(clock, allVoters(sets), ask, (has) => isQuorum(sets, has))
    const voting = new Map(goodAnswers(answers))
    if (!isQuorum(sets, (voter) => voting.has(voter)))
      throw new ClusterError('NO_QUORUM', 'too few of the new voters vote yet')
  }

  #rescan(view: ClusterConfig, joint: readonly NodeId[]): Promise<RescanProgress> {
    const onProgress = (progress: RescanProgress) => {
      this.#progress = { ...progress }
    }
    const { signal } = this.#stopping
    return new Rescan(this.#components, view, { without: [], alsoTo: joint, signal, onProgress }).run()
  }

  /** The node that began a change may be gone: the first live voter goes on. */
  async #resumeForever(): Promise<void> {
    const { clock, config, liveness, self, log } = this.#components
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await sleep(clock, RESUME_EVERY_MS, signal).catch(() => {})
      const view = config.current()
      if (!view.joint) continue
      const order = coordinatorsOf(CONFIG_KEY, allVoters(voterSets(view)))
      if (order.find((voter) => voter === self || liveness.isAlive(voter)) !== self) continue
      await this.#drive().catch((error: unknown) =>
        log.warn({ error: String(error) }, 'a change of the voters cannot be finished'),
      )
    }
  }
}
