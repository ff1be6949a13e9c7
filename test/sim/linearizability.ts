/**
 * Decides whether a history of operations on one key is linearizable: Wing and Gong's search with Lowe's memo of
 * (operations done, state). Ambiguous operations have no end: they may take effect at any time after their start, or
 * never.
 *
 * Thousands of operations are no trouble: a read that fits is taken where it stands (whatever order is right with it
 * later is right with it now), a place that was reached with fewer open operations used up is not tried again, and the
 * search keeps its own stack.
 */

export interface HistoryOp<Input, Output> {
  input: Input
  start: number
  /** Infinity: the outcome is not known. */
  end: number
  /** null when the outcome is not known. */
  output: Output | null
}

export interface Model<State, Input, Output> {
  initial: State
  /** The states after `input`, if `output` (null = unknown) may be its answer in `state`; else null. */
  step(state: State, input: Input, output: Output | null): State | null
  /** Equal states give equal text. */
  describe(state: State): string
  /** Whether an operation with this answer changes no state whatever. Only for speed: what it names is never tried twice. */
  isRead?(input: Input, output: Output): boolean
}

export function isLinearizable<State, Input, Output>(
  history: readonly HistoryOp<Input, Output>[],
  model: Model<State, Input, Output>,
): boolean {
  return new Search(history, model).succeeds()
}

interface Move<State> {
  index: number
  next: State
}

interface Branch<State> {
  /** Moves not tried yet, the most likely last. */
  moves: Move<State>[]
  /** Length of the order when this branch began. */
  depth: number
}

class Search<State, Input, Output> {
  readonly #ops: HistoryOp<Input, Output>[]
  readonly #model: Model<State, Input, Output>
  /** Places of the operations that never ended. */
  readonly #open: number[]
  readonly #isRead: boolean[]
  readonly #isDone: Uint8Array
  /** Places of the operations in the order that is being tried. */
  readonly #order: number[] = []
  /** By what is done and the state: the open operations that were used up to come there. */
  readonly #seen = new Map<string, Set<number>[]>()
  /** Every operation with an end before this place is done. */
  #first = 0
  #left: number

  constructor(history: readonly HistoryOp<Input, Output>[], model: Model<State, Input, Output>) {
    this.#ops = history.toSorted((a, b) => a.start - b.start)
    this.#model = model
    this.#isRead = this.#ops.map(
      ({ input, output }) => output !== null && (model.isRead?.(input, output) ?? false),
    )
    this.#isDone = new Uint8Array(this.#ops.length)
    this.#open = this.#ops.flatMap((op, index) => (op.end === Infinity ? [index] : []))
    this.#left = this.#ops.length - this.#open.length
  }

  succeeds(): boolean {
    const branches: Branch<State>[] = []
    let state = this.#model.initial
    for (;;) {
      this.#takeReads(state)
      if (this.#left === 0) return true
      branches.push({ moves: this.#isNew(state) ? this.#moves(state) : [], depth: this.#order.length })
      const move = this.#nextMove(branches)
      if (!move) return false
      this.#take(move.index)
      state = move.next
    }
  }

  /** Goes back to the latest branch that has an untried move. */
  #nextMove(branches: Branch<State>[]): Move<State> | null {
    for (;;) {
      const branch = branches.at(-1)
      if (!branch) return null
      this.#goBackTo(branch.depth)
      const move = branch.moves.pop()
      if (move) return move
      branches.pop()
    }
  }

  #takeReads(state: State): void {
    let taken: number[]
    do {
      taken = this.#candidates().filter((index) => this.#isRead[index] && this.#step(state, index) !== null)
      for (const index of taken) this.#take(index)
    } while (taken.length > 0)
  }

  /** What may come next. Operations without an end are tried last, and not at all where they would change nothing. */
  #moves(state: State): Move<State>[] {
    const before = this.#model.describe(state)
    const ended: Move<State>[] = []
    const open: Move<State>[] = []
    for (const index of this.#candidates()) {
      const next = this.#step(state, index)
      if (next === null || this.#isRead[index]) continue
      if (this.#ops[index]!.end !== Infinity) ended.push({ index, next })
      else if (this.#model.describe(next) !== before) open.push({ index, next })
    }
    return [...open, ...ended.toReversed()]
  }

  #step(state: State, index: number): State | null {
    const { input, output } = this.#ops[index]!
    return this.#model.step(state, input, output)
  }

  /** Operations that no undone operation precedes: they began before the first of those ends. */
  #candidates(): number[] {
    const found: number[] = []
    let horizon = Infinity
    for (let index = this.#first; index < this.#ops.length; index++) {
      const { start, end } = this.#ops[index]!
      if (start > horizon) break
      if (this.#isDone[index] || end === Infinity) continue
      horizon = Math.min(horizon, end)
      found.push(index)
    }
    const open = this.#open.filter((index) => !this.#isDone[index] && this.#ops[index]!.start <= horizon)
    return [...found, ...open]
  }

  #take(index: number): void {
    this.#isDone[index] = 1
    this.#order.push(index)
    if (this.#ops[index]!.end !== Infinity) this.#left--
    while (this.#first < this.#ops.length && this.#isPassed(this.#first)) this.#first++
  }

  #isPassed(index: number): boolean {
    return this.#isDone[index] === 1 || this.#ops[index]!.end === Infinity
  }

  #goBackTo(depth: number): void {
    while (this.#order.length > depth) {
      const index = this.#order.pop()!
      this.#isDone[index] = 0
      if (this.#ops[index]!.end !== Infinity) this.#left++
      this.#first = Math.min(this.#first, index)
    }
    while (this.#first < this.#ops.length && this.#isPassed(this.#first)) this.#first++
  }

  /**
   * Notes where the search stands; false when it stood there before with no more of the open operations used up: what
   * failed then fails now.
   */
  #isNew(state: State): boolean {
    const place = `${this.#first}|${this.#ahead().join()}|${this.#model.describe(state)}`
    const used = new Set(this.#open.filter((index) => this.#isDone[index]))
    const before = this.#seen.get(place) ?? []
    if (before.some((spent) => isSubset(spent, used))) return false
    this.#seen.set(place, [...before, used])
    return true
  }

  /** Ended operations that are done although `#first` is not: all began before that one ends. */
  #ahead(): number[] {
    const ahead: number[] = []
    const horizon = this.#ops[this.#first]?.end ?? Infinity
    for (let index = this.#first + 1; index < this.#ops.length; index++) {
      const { start, end } = this.#ops[index]!
      if (start > horizon) break
      if (this.#isDone[index] && end !== Infinity) ahead.push(index)
    }
    return ahead
  }
}

function isSubset(part: ReadonlySet<number>, whole: ReadonlySet<number>): boolean {
  for (const index of part) if (!whole.has(index)) return false
  return true
}
