/** Everything that the clients asked and were told in one run, with times: what is judged, and what is kept of a failure. */
import { writeFile } from 'node:fs/promises'
import type { ImageInput, LiveState } from './image-model.ts'

export type RecordedInput = ({ id: string } & ImageInput) | { kind: 'list' }
export type OperationKind = RecordedInput['kind']

/** What became of a request. */
export type Verdict =
  /** The answer is known. */
  | 'ok'
  /** A GET or list that says itself that it may be old: no strong read. */
  | 'stale'
  /** 503 that promises that nothing was changed. */
  | 'unavailable'
  /** The connection was never made. */
  | 'unreached'
  /** Whatever was asked for may have happened, or may yet. */
  | 'ambiguous'

export interface Listed extends LiveState {
  id: string
}

export interface RecordedResult {
  verdict: Verdict
  /** HTTP; null when there was no answer. */
  status: number | null
  /** The image that an answer carried. */
  seen: LiveState | null
  /** What a list showed. */
  listed: Listed[] | null
  /** For people: the error or the body of an unexpected answer. */
  note: string | null
}

export interface RecordedOp extends RecordedResult {
  input: RecordedInput
  /** Which node was asked. */
  node: number
  /** ms since the run began, by this process' monotonic clock. */
  start: number
  /** When the answer was complete, or was given up. */
  end: number
}

/** Answers of one kind of operation to one request that is still under way. */
const UNDER_WAY: RecordedResult = { verdict: 'ambiguous', status: null, seen: null, listed: null, note: null }

export class History {
  readonly ops: RecordedOp[] = []
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Records a request and its answer. */
  async record(node: number, input: RecordedInput, send: () => Promise<RecordedResult>): Promise<RecordedOp> {
    const op: RecordedOp = { input, node, start: this.#nowMs(), end: Infinity, ...UNDER_WAY }
    this.ops.push(op)
    return Object.assign(op, await send(), { end: this.#nowMs() })
  }

  /** One JSON object a line, after one that says how to run it again. */
  async write(file: string, about: object): Promise<void> {
    const lines = [about, ...this.ops].map((entry) => JSON.stringify(entry))
    await writeFile(file, `${lines.join('\n')}\n`)
  }
}
