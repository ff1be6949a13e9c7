/**
 * Reads RBD images. `rbd export` knows no ranges: to read the end of an image by it is to read all of it. So what begins at the
 * first byte comes from an export, which is ended when there is enough, and what begins elsewhere from the objects that the
 * image is cut into, one `rados get` each. Those are of the image as it is now, not of its snapshot, and so it is asked
 * before whether anything has changed since; and whether the image is cut plainly. Otherwise the export is read and what lies
 * before the range dropped: slow, and never wrong.
 */
import type { BackendErrorCode, ObjectRange } from './backend.ts'
import type { BackendTool } from './backend-tool.ts'
import { piecesInRange } from './pieces-in-range.ts'
import { GaveWayError, type RunningTool } from './running-tool.ts'

export interface RbdTools {
  rbd: string
  rados: string
}

export interface RbdPlace {
  pool: string
  /** Arguments of both tools: which Ceph, and who we are there. */
  base: readonly string[]
  snapshot: string
  /** What the ends of `rbd` mean. */
  codes: ReadonlyMap<number, BackendErrorCode>
}

/** As much of `rbd info --format json` as counts here. */
export interface RbdInfo {
  /** Bytes. */
  size: number
  object_size: number
  block_name_prefix: string
  /** Of the objects, where it is not that of the image. */
  data_pool?: string
  stripe_count?: number
  parent?: object
}

/** For a command that looks, ms. */
const RUN_MS = 30_000
/** Objects that are fetched before they are needed, by tools that hold them until then. */
const AHEAD = 1
/** Of what an object does not have, which are zeros, bytes at once. */
const ZEROS = new Uint8Array(256 * 1024)
/** The object alone: a pool that is missing is told of in other words. */
const NO_OBJECT = /^error getting .*: \(2\) /m

export class RbdReader {
  readonly #tool: BackendTool
  readonly #tools: RbdTools
  readonly #place: RbdPlace

  constructor(tool: BackendTool, tools: RbdTools, place: RbdPlace) {
    this.#tool = tool
    this.#tools = tools
    this.#place = place
  }

  /** Ends early when the image is shorter. Who reads slowly while others wait goes on behind them, by objects. */
  async *read(name: string, { start, end }: ObjectRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (let at = start; ;) {
      try {
        for await (const piece of this.#read(name, { start: at, end }, signal)) {
          at += piece.length
          yield piece
        }
        return
      } catch (error) {
        if (!(error instanceof GaveWayError)) throw error
      }
    }
  }

  async *#read(name: string, range: ObjectRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    if (range.start === 0) {
      yield* this.#export(name, range, signal)
      return
    }
    const [info, hasChanged] = await Promise.all([this.infoOf(name, signal), this.#hasChanged(name, signal)])
    if (hasChanged || !isPlain(info)) yield* this.#export(name, range, signal)
    else yield* this.#fromObjects(info, range, signal)
  }

  /** Of the snapshot. */
  async infoOf(name: string, signal: AbortSignal): Promise<RbdInfo> {
    const text = await this.#ask(['info', '--format', 'json', this.#snapshot(name)], signal)
    return JSON.parse(text) as RbdInfo
  }

  async #hasChanged(name: string, signal: AbortSignal): Promise<boolean> {
    const { pool, snapshot } = this.#place
    const args = ['diff', '--whole-object', '--format', 'json', '--from-snap', snapshot, `${pool}/${name}`]
    return (await this.#ask(args, signal)).trim() !== '[]'
  }

  async #ask(args: readonly string[], signal: AbortSignal): Promise<string> {
    const limits = { totalMs: RUN_MS, signal }
    const answer = await this.#tool.run(this.#tools.rbd, [...this.#place.base, ...args], limits)
    if (answer.exitCode === 0) return answer.stdout
    throw this.#tool.failure(answer, 'rbd', this.#place.codes)
  }

  async *#export(name: string, range: ObjectRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const args = [...this.#place.base, 'export', '--no-progress', this.#snapshot(name), '-']
    const running = await this.#tool.read(this.#tools.rbd, args, signal)
    try {
      if ((yield* piecesInRange(running.pieces(), range)) > range.end) return
      const ended = await running.within(RUN_MS, running.ended)
      if (ended.exitCode !== 0) throw this.#tool.failure(ended, 'rbd', this.#place.codes)
    } finally {
      running.kill()
    }
  }

  async *#fromObjects(info: RbdInfo, range: ObjectRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { size, object_size: objectBytes } = info
    const end = Math.min(range.end, size - 1)
    const last = Math.floor(end / objectBytes)
    const ahead: RunningTool[] = []
    try {
      for (let index = Math.floor(range.start / objectBytes); index <= last; index++) {
        const args = this.#getOf(info, index)
        const running = ahead.shift() ?? (await this.#tool.read(this.#tools.rados, args, signal))
        for (let next = index + ahead.length + 1; next <= last && ahead.length < AHEAD; next++) {
          const fetching = this.#tool.readAhead(this.#tools.rados, this.#getOf(info, next), signal)
          if (!fetching) break
          ahead.push(fetching)
        }
        const at = index * objectBytes
        const [from, until] = [Math.max(range.start, at), Math.min(at + objectBytes, end + 1)]
        yield* this.#part(running, { start: from - at, end: until - at - 1 })
      }
    } finally {
      for (const running of ahead) running.kill()
    }
  }

  #getOf(info: RbdInfo, index: number): string[] {
    const name = `${info.block_name_prefix}.${index.toString(16).padStart(16, '0')}`
    const { base, pool } = this.#place
    return [...base, '--pool', info.data_pool ?? pool, 'get', name, '-']
  }

  /** What an object does not have, and an object that is not there, are zeros. */
  async *#part(running: RunningTool, range: ObjectRange): AsyncGenerator<Uint8Array> {
    try {
      const at = yield* piecesInRange(running.pieces(), range)
      if (at > range.end) return
      const ended = await running.within(RUN_MS, running.ended)
      if (ended.exitCode !== 0 && !(at === 0 && NO_OBJECT.test(ended.stderr)))
        throw this.#tool.failure(ended, 'rados', new Map())
      yield* zeros(range.end + 1 - Math.max(at, range.start))
    } finally {
      running.kill()
    }
  }

  #snapshot(name: string): string {
    return `${this.#place.pool}/${name}@${this.#place.snapshot}`
  }
}

/** Whether byte n lies in object n / object_size. */
function isPlain({ parent, stripe_count: stripes = 1 }: RbdInfo): boolean {
  return parent === undefined && stripes === 1
}

function* zeros(count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, left)
}
