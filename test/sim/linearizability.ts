/**
 * Decides whether a history of operations on one key is linearizable: Wing and Gong's search with Lowe's memo of
 * (operations done, state). Ambiguous operations have no end: they may take effect at any time after their start, or
 * never.
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
}

export function isLinearizable<State, Input, Output>(
  history: readonly HistoryOp<Input, Output>[],
  model: Model<State, Input, Output>,
): boolean {
  const ops = history.toSorted((a, b) => a.start - b.start)
  const seen = new Set<string>()
  const done = new Uint8Array(ops.length)

  function search(state: State, left: number): boolean {
    if (left === 0) return true
    const memo = `${Buffer.from(done).toString('latin1')}|${model.describe(state)}`
    if (seen.has(memo)) return false
    seen.add(memo)
    let horizon = Infinity
    for (const [i, op] of ops.entries()) if (!done[i]) horizon = Math.min(horizon, op.end)
    for (const [i, op] of ops.entries()) {
      if (done[i] || op.start > horizon) continue
      const next = model.step(state, op.input, op.output)
      if (next === null) continue
      done[i] = 1
      if (search(next, left - (op.end === Infinity ? 0 : 1))) return true
      done[i] = 0
    }
    return false
  }

  return search(model.initial, ops.filter((op) => op.end !== Infinity).length)
}
