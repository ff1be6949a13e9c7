/**
 * Misplaced copies: the placement changes, nodes learn of it at different times, and whoever holds what does not belong to
 * it tries to give it up. The last copy must never go. Mistakes that are put in on purpose must be noticed.
 */
import t from 'tap'
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import { CopyQuestions } from '../../../node/data/copy-questions.ts'
import { MisplacedCopies, type GivenUp } from '../../../node/data/misplaced-copies.ts'
import { deferred } from '../../helpers/deferred.ts'
import { SeededRandom } from '../../sim/world/seeded-random.ts'
import { ROOT } from '../images/image-fixture.ts'

const NODES = ['a', 'b', 'c']
const source = { imageId: 'image', root: ROOT, copies: 1 }
const { signal } = new AbortController()

/** What is put in on purpose. */
type Mistake = 'none' | 'copies elsewhere count' | 'any epoch may answer' | 'an old decision is carried out'

interface SimNode {
  id: string
  /** That it knows of. */
  epoch: number
  holds: boolean
  isWorking: boolean
}

/** Nodes that keep one image; `placements`: where it belongs, by epoch. */
class World {
  readonly nodes: ReadonlyMap<string, SimNode>
  readonly placements: readonly string[][]
  readonly #mistake: Mistake
  /** Called wherever a node waits for another or for its disk. */
  readonly #turn: () => Promise<void>
  /** Called before a node looks for the last time where the image belongs. */
  beforeEnd: (node: SimNode) => Promise<void> = () => Promise.resolve()

  constructor(placements: readonly string[][], mistake: Mistake, turn = () => Promise.resolve()) {
    this.placements = placements
    this.#mistake = mistake
    this.#turn = turn
    const isFirst = (id: string) => placements[0]!.includes(id)
    this.nodes = new Map(NODES.map((id) => [id, { id, epoch: 0, holds: isFirst(id), isWorking: false }]))
  }

  get holders(): string[] {
    return NODES.filter((id) => this.nodes.get(id)!.holds)
  }

  isPlaced({ id, epoch }: SimNode): boolean {
    return this.placements[epoch]!.includes(id)
  }

  giveUp(node: SimNode): Promise<GivenUp> {
    const began = node.epoch
    const others = this.holders.filter((id) => id !== node.id)
    const isLate = this.#mistake === 'an old decision is carried out'
    const epochOf = () => (isLate ? began : node.epoch)
    let looks = 0
    const misplaced = new MisplacedCopies({
      self: node.id,
      config: { current: () => ({ epoch: epochOf() }) as ClusterConfig },
      random: new SeededRandom(1),
      pace: { begin: () => Promise.resolve(() => {}) },
      placedFor: async () => {
        await this.#turn()
        if (++looks === 2) await this.beforeEnd(node)
        return this.#mistake === 'copies elsewhere count' ? others : this.placements[epochOf()]!
      },
      ask: (to, question) => this.#ask(to, question),
      have: async (at, hashes) => {
        await this.#turn()
        return hashes.map(() => this.nodes.get(at)!.holds)
      },
      unpin: () => Promise.resolve(),
      steps: async function* () {
        yield ['chunk']
      },
      release: async () => void (node.holds = false),
    })
    return misplaced.giveUp(source, 1, signal)
  }

  async #ask(to: string, question: { epoch: number; root: string }): Promise<boolean> {
    await this.#turn()
    const target = this.nodes.get(to)!
    const epoch = this.#mistake === 'any epoch may answer' ? question.epoch : target.epoch
    const answer = new CopyQuestions({
      rpc: { handle: () => {}, request: () => Promise.reject(new Error('not used')) },
      config: { current: () => ({ epoch }) as ClusterConfig },
      isHeld: () => target.holds,
      caughtUp: () => true,
    }).answer(question)
    await this.#turn()
    return answer
  }
}

const EPOCHS = 20
const STEPS = 500
const SEEDS = 12
/** A pull is long: the placement may change while it runs. */
const PULL_TURNS = 6
/** Longer than any chain of promises between two turns. */
const MICROTASKS = 24

/** One schedule from a seed; answers how often a copy was given up, and whether the image was lost. */
async function run(seed: number, mistake: Mistake): Promise<{ givenUp: number; isLost: boolean }> {
  const random = new SeededRandom(seed)
  const placements = Array.from({ length: EPOCHS }, () => [random.pick(NODES)])
  const waiting: (() => void)[] = []
  const turn = () => new Promise<void>((resolve) => waiting.push(resolve))
  const world = new World(placements, mistake, turn)
  let newest = 0
  let givenUp = 0
  const work = async (node: SimNode): Promise<void> => {
    if (world.isPlaced(node) && !node.holds) {
      for (let turns = 0; turns < PULL_TURNS; turns++) await turn()
      node.holds = world.holders.length > 0
    } else if (!world.isPlaced(node) && node.holds) givenUp += Number((await world.giveUp(node)) === 'gone')
  }
  for (let step = 0; step < STEPS && world.holders.length > 0; step++) {
    const node = random.pick([...world.nodes.values()])
    const dice = random.below(100)
    if (dice < 1 && newest < EPOCHS - 1) newest++
    else if (dice < 3 && node.epoch < newest) node.epoch = newest
    else if (dice < 30 && !node.isWorking) {
      node.isWorking = true
      void work(node).finally(() => (node.isWorking = false))
    } else if (waiting.length > 0) waiting.splice(random.below(waiting.length), 1)[0]!()
    for (let ticks = 0; ticks < MICROTASKS; ticks++) await Promise.resolve()
  }
  return { givenUp, isLost: world.holders.length === 0 }
}

t.test('however the nodes learn of a new placement, the last copy stays', async (t) => {
  let givenUp = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = await run(seed, 'none')
    givenUp += result.givenUp
    if (result.isLost) t.fail(`lost with seed ${seed}`)
  }
  t.ok(givenUp > 0, `${givenUp} copies were given up`)
})

t.test('it would be noticed if copies outside the placement counted', async (t) => {
  for (const mistake of ['none', 'copies elsewhere count'] as const) {
    const world = new World([['a', 'b'], ['c']], mistake)
    const [a, b] = [world.nodes.get('a')!, world.nodes.get('b')!]
    for (const node of world.nodes.values()) node.epoch = 1
    await Promise.all([world.giveUp(a), world.giveUp(b)])
    t.strictSame(world.holders, mistake === 'none' ? ['a', 'b'] : [], mistake)
  }
})

/**
 * `a` is about to give up its copy, since the image belongs to `b` since epoch 1. Then it belongs to `a` again, and `b`
 * asks to give up its own. `learns`: whether `a` hears of that in time.
 */
async function race(mistake: Mistake, learns: boolean) {
  const world = new World([['a'], ['b'], ['a']], mistake)
  const [a, b] = [world.nodes.get('a')!, world.nodes.get('b')!]
  const isAboutTo = deferred()
  const goesOn = deferred()
  world.beforeEnd = async (node) => {
    if (node !== a) return
    isAboutTo.resolve()
    await goesOn.promise
  }
  Object.assign(a, { epoch: 1, holds: true })
  Object.assign(b, { epoch: 1, holds: true })
  const giving = world.giveUp(a)
  await isAboutTo.promise
  b.epoch = 2
  if (learns) a.epoch = 2
  const second = await world.giveUp(b)
  goesOn.resolve()
  return { first: await giving, second, holders: world.holders }
}

t.test('two that give up for each other under different epochs: one of them stays', async (t) => {
  t.strictSame(await race('none', false), { first: 'gone', second: 'later', holders: ['b'] })
  t.strictSame(await race('none', true), { first: 'later', second: 'gone', holders: ['a'] })
})

t.test('it would be noticed if a node answered under any epoch', async (t) => {
  t.strictSame((await race('any epoch may answer', false)).holders, [])
})

t.test('it would be noticed if a decision of an older epoch were carried out', async (t) => {
  t.strictSame((await race('an old decision is carried out', true)).holders, [])
})

t.test('nothing is given up while a placed node lacks it, or when it is wanted here after all', async (t) => {
  const world = new World([['a'], ['b', 'c']], 'none')
  const a = world.nodes.get('a')!
  for (const node of world.nodes.values()) node.epoch = 1
  world.nodes.get('b')!.holds = true
  t.equal(await world.giveUp(a), 'later')
  world.nodes.get('c')!.holds = true
  world.beforeEnd = async () => void world.placements[1]!.push('a')
  t.equal(await world.giveUp(a), 'later', 'another image of the same bytes has come, and belongs here')
  t.equal(await world.giveUp(a), 'wanted')
  t.strictSame(world.holders, NODES)
})
