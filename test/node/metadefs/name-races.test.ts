/**
 * Creates, renames, edits and deletions of namespaces race each other through three nodes, in an order that a seed draws,
 * some of which die in the middle: no name ever has two namespaces, none loses its own, and no edit is lost. With a step of
 * the protocol broken on purpose the same seeds must show it.
 */
import t from 'tap'
import { ClusterError, hasCode } from '../../../cluster/errors.ts'
import type { OperationTable } from '../../../cluster/register/operations.ts'
import type { Clock } from '../../../cluster/runtime.ts'
import { metadefOperations } from '../../../node/metadefs/namespace-operations.ts'
import { admin } from '../images/image-fixture.ts'
import { DefinitionsWorld, type DefinitionsNode } from '../../helpers/memory-definitions.ts'

const SEEDS = 40
/** Some of the bugs show in few of them. */
const MUTANT_SEEDS = 200
const NAMES = ['a', 'b', 'c']
const CLIENTS = 8
const STEPS_MAX = 20_000
/** Share of the waits of a slow client that last long, and how many steps of the others that is. */
const LONG_WAITS = 0.25
const LONG_WAIT = 200

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Whoever waits goes on when it is drawn, so that every wait may be short or long. */
class Order {
  readonly #random: () => number
  readonly #waiting: { goOn: () => void; patience: number }[] = []

  constructor(random: () => number) {
    this.#random = random
  }

  wait(isSlow: boolean): Promise<void> {
    const patience = isSlow && this.#random() < LONG_WAITS ? LONG_WAIT : 0
    return new Promise((resolve) => this.#waiting.push({ goOn: resolve, patience }))
  }

  /** Waits of a clock are waits like any other. */
  get clock(): Clock {
    const after: Clock['after'] = (_delayMs, action) => {
      this.#waiting.push({ goOn: action, patience: 0 })
      return () => {}
    }
    return { wallMs: () => 0, monotonicMs: () => 0, after }
  }

  async run(tasks: readonly Promise<unknown>[], look: () => void): Promise<void> {
    const state = { isOver: false }
    const all = Promise.all(tasks).finally(() => (state.isOver = true))
    all.catch(() => {})
    for (let step = 0; !state.isOver; step++) {
      await new Promise(setImmediate)
      look()
      this.#draw()?.goOn()
      if (step > STEPS_MAX) throw new Error('it does not end')
    }
    await all
  }

  #draw(): { goOn: () => void } | undefined {
    const impatient = this.#waiting.filter((waiting) => waiting.patience-- <= 0)
    const choices = impatient.length > 0 ? impatient : this.#waiting
    const drawn = choices[Math.floor(this.#random() * choices.length)]
    if (drawn) this.#waiting.splice(this.#waiting.indexOf(drawn), 1)
    return drawn
  }
}

const draft = (name: string) => ({
  name,
  displayName: null,
  description: null,
  visibility: 'public' as const,
  protected: false,
  owner: undefined,
  properties: [],
  objects: [],
  tags: [],
  associations: [],
})

class Race {
  readonly world: DefinitionsWorld
  readonly problems: string[] = []
  readonly #random: () => number
  readonly #order: Order
  #seen = 0
  /** Tags whose addition was acknowledged. */
  readonly #added: string[] = []

  constructor(seed: number, operations: OperationTable) {
    this.#random = randomOf(seed)
    this.#order = new Order(this.#random)
    this.world = new DefinitionsWorld({ clock: this.#order.clock, operations })
  }

  async run(): Promise<string[]> {
    const clients = Array.from({ length: CLIENTS }, (_, client) => this.#client(client))
    await this.#order.run(clients, () => this.#look())
    await this.#cleanUp()
    return this.problems
  }

  /** A few requests, one after the other, by a node of its own. One in three dies after some steps, one in four is slow. */
  async #client(client: number): Promise<void> {
    const life = { stepsLeft: this.#random() < 1 / 3 ? Math.floor(this.#random() * 12) : Infinity }
    const { service } = this.world.node(async () => {
      await this.#order.wait(client % 4 === 0)
      if (life.stepsLeft-- <= 0) throw new ClusterError('NO_QUORUM', 'the node is dead')
    })
    for (let request = 0; request < 4 && life.stepsLeft > 0; request++)
      await this.#request(service, `${client}-${request}`).catch((error: unknown) => {
        if (!hasCode(error, 'NO_QUORUM', 'CONFLICT', 'NOT_FOUND', 'UNAVAILABLE', 'BASIS_CHANGED')) throw error
      })
  }

  async #request(service: DefinitionsNode['service'], tag: string): Promise<void> {
    const [name, other] = [this.#draw(NAMES), this.#draw(NAMES)]
    const kind = this.#random()
    if (kind < 0.25) return void (await service.createNamespace(admin, draft(name)))
    if (kind < 0.6) return void (await service.updateNamespace(admin, name, draft(other)))
    if (kind < 0.8) return service.removeNamespace(admin, name)
    await service.addPart(admin, name, 'tags', { name: tag })
    this.#added.push(tag)
  }

  #draw<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)]!
  }

  /** At every moment, and so after every change: each namespace has its name, by the claim that the register of the name holds. */
  #look(): void {
    if (this.#seen === this.world.changes) return
    this.#seen = this.world.changes
    const held = new Map(this.world.holders().map((holder) => [holder.name, holder]))
    for (const { id, name, claim } of this.world.namespaces()) {
      const holder = held.get(name)
      if (holder?.namespace !== id || holder.claim !== claim)
        this.problems.push(`the namespace ${id} is ${name}, which ${holder?.namespace ?? 'nobody'} holds`)
    }
  }

  async #cleanUp(): Promise<void> {
    const tags = [...this.world.namespaces(), ...this.world.deleted].flatMap((namespace) => namespace.tags)
    for (const tag of this.#added)
      if (tags.filter(({ name }) => name === tag).length !== 1) this.problems.push(`the tag ${tag} is lost`)
    const { keeper, index, service } = this.world.node()
    const freshen = () => service.namespaces(admin, LIST)
    await freshen()
    for (const holder of index.idleHolders()) await keeper.claims.giveUp(holder)
    await freshen()
    for (const { name } of index.idleHolders()) this.problems.push(`the name ${name} is held for nobody`)
    for (const name of NAMES) if (!index.find(name)) await service.createNamespace(admin, draft(name))
    this.#look()
  }
}

const LIST = {
  limit: 100,
  marker: null,
  sortKey: 'createdAt' as const,
  direction: 'asc' as const,
  visibility: null,
  resourceTypes: null,
}

async function firstProblem(operations: OperationTable, seeds: number): Promise<string | null> {
  for (let seed = 1; seed <= seeds; seed++) {
    const problems = await new Race(seed, operations)
      .run()
      .catch((error: unknown) => [error instanceof Error ? (error.stack ?? '') : String(error)])
    if (problems.length > 0) return `seed ${seed}: ${problems[0]}`
  }
  return null
}

t.test(`${SEEDS} races, no name has two namespaces and no edit is lost`, async (t) => {
  t.equal(await firstProblem(metadefOperations, SEEDS), null)
})

const { 'metadef.create': create, 'metadef.update': update } = metadefOperations
const MUTANTS: Readonly<Record<string, OperationTable>> = {
  'a creation goes on after its claim was ended': {
    'metadef.create': (_current, args) => create!(null, args),
  },
  'a rename goes on after its claim was ended': {
    'metadef.update': (current, args) => {
      const { claim } = args as { claim: string | null }
      return update!(
        current && { ...current, record: { ...(current.record as object), renaming: claim } },
        args,
      )
    },
  },
  'a claim is ended in the register of the name alone': {
    'metadef.fence': (current, args) =>
      current ? { kind: 'keep' } : metadefOperations['metadef.fence']!(current, args),
  },
  'a name is claimed whoever holds it': {
    'metadef-name.claim': (_current, args) => metadefOperations['metadef-name.claim']!(null, args),
  },
  'a name is given back whoever holds it': {
    'metadef-name.release': (current, args) => {
      const { claim } = (current?.record ?? {}) as { claim?: string }
      return metadefOperations['metadef-name.release']!(current, { ...(args as object), claim })
    },
  },
  'an edit puts back what it had read': {
    'metadef.add-part': (current, args) => {
      const record = current?.record as { tags?: unknown[] } | undefined
      return metadefOperations['metadef.add-part']!(
        current && { ...current, record: { ...record, tags: record?.tags?.slice(1) ?? [] } },
        args,
      )
    },
  },
}

for (const [name, broken] of Object.entries(MUTANTS))
  t.test(`is caught: ${name}`, async (t) => {
    const problem = await firstProblem({ ...metadefOperations, ...broken }, MUTANT_SEEDS)
    t.not(problem, null)
    t.comment(problem)
  })
