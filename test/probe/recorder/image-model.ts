/** What one image may answer: the model that recorded histories are checked against. */
import type { HistoryOp, Model } from '../../sim/linearizability.ts'

/** A request for one image. `mark` is a property that is overwritten; `token` one that is swapped for another. */
export type ImageInput =
  | { kind: 'create'; state: LiveState }
  | { kind: 'get' }
  /** Overwrites the mark, whatever it is. */
  | { kind: 'mark'; mark: string }
  /** Compare-and-set: only takes the place of `from`. */
  | { kind: 'swap'; from: string; to: string }
  | { kind: 'delete' }

/** A live image as a client sees it. */
export interface LiveState {
  mark: string
  token: string
}

export interface ImageOutput {
  /** HTTP. */
  status: number
  /** What a GET showed; null for every other answer. */
  seen: LiveState | null
}

export type ImageOp = HistoryOp<ImageInput, ImageOutput>
/** Ids of deleted images stay taken. */
type ImageState = 'never' | 'deleted' | LiveState

const OK = 200
const CREATED = 201
const DELETED = 204
const ABSENT = 404
const CONFLICT = 409

export const imageModel: Model<ImageState, ImageInput, ImageOutput> = {
  initial: 'never',
  step(state, input, output) {
    const { answer, next } = apply(state, input)
    return output === null || isSame(answer, output) ? next : null
  },
  describe: (state) => (typeof state === 'string' ? state : nameOf(state)),
  isRead: (input, { status }) => input.kind === 'get' || status === ABSENT || status === CONFLICT,
}

/** Equal for equal states only. */
export function nameOf({ mark, token }: LiveState): string {
  return `${mark}/${token}`
}

function apply(state: ImageState, input: ImageInput): { answer: ImageOutput; next: ImageState } {
  const change = (status: number, next: ImageState) => ({ answer: { status, seen: null }, next })
  if (input.kind === 'create')
    return state === 'never' ? change(CREATED, input.state) : change(CONFLICT, state)
  if (typeof state === 'string') return change(ABSENT, state)
  switch (input.kind) {
    case 'get':
      return { answer: { status: OK, seen: state }, next: state }
    case 'mark':
      return change(OK, { ...state, mark: input.mark })
    case 'swap':
      return state.token === input.from ? change(OK, { ...state, token: input.to }) : change(CONFLICT, state)
    case 'delete':
      return change(DELETED, 'deleted')
  }
}

function isSame(a: ImageOutput, b: ImageOutput): boolean {
  if (a.status !== b.status || (a.seen === null) !== (b.seen === null)) return false
  return a.seen === null || b.seen === null || nameOf(a.seen) === nameOf(b.seen)
}
