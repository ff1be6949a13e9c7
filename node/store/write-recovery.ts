/**
 * Takes a store that refuses writes after a failed one back into service. LevelDB goes on reading after a write error, but
 * writes nothing more until it was closed and opened again, and whoever is closed reads nothing either; so the disk must first
 * take from this module as much as LevelDB writes when it is opened, or the handle that can still read would be given up for
 * nothing. A small write says too little: blocks that a failing disk has given out before may still take it.
 */
import { open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { toError } from '../../cluster/errors.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import { releaseBallast } from './ballast.ts'

/** A part of the store that can fail by itself. */
export interface RecoverablePart {
  /** Of the file system that it writes to. */
  directory: string
  failure: () => Error | null
  recover: () => Promise<void>
}

export interface WriteRecoveryComponents {
  clock: Clock
  log: Log
  parts: readonly RecoverablePart[]
  /** Given up when there is no room to open LevelDB again. */
  ballastPath: string
  /** Default: ROOM_BYTES_MIN. */
  roomBytesMin?: number
}

/** Pauses between tries, the last again and again: a disk that is back is noticed soon, one that is not costs little. */
const RETRY_AFTER_MS = [0, 500, 1000, 2000, 5000, 10_000]
/** LevelDB writes its two memtables as tables when it is opened, and begins a log and a manifest. */
const ROOM_BYTES_MIN = 24 * 1024 * 1024
const PROBE_FILE = 'write-probe'
/** Both memtables of 4 MiB as tables, log and manifest, and as much again for what is allocated in passing. */
const PROBE_BYTES = 16 * 1024 * 1024
const PROBE_PIECE_BYTES = 1024 * 1024

export class WriteRecovery {
  readonly #components: WriteRecoveryComponents
  #running: Promise<void> | null = null
  #tries = 0
  #isStopped = false
  #cancel = () => {}
  #lastError: Error | null = null

  constructor(components: WriteRecoveryComponents) {
    this.#components = components
  }

  /** Why the last try did not succeed; null before the first, and while all is well. */
  get lastError(): Error | null {
    return this.#lastError
  }

  /** A part has failed. */
  begin(): void {
    if (this.#tries === 0) this.#next()
  }

  /** Resolves when no try is under way and none will follow. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#running
  }

  #next(): void {
    if (this.#isStopped) return
    const pauseMs = RETRY_AFTER_MS[this.#tries] ?? RETRY_AFTER_MS.at(-1)!
    this.#tries++
    this.#cancel = this.#components.clock.after(pauseMs, () => {
      this.#running = this.#try()
    })
  }

  async #try(): Promise<void> {
    const { log } = this.#components
    try {
      await this.#recoverAll()
      this.#tries = 0
      this.#lastError = null
      log.warn({}, 'the store takes writes again')
    } catch (error) {
      this.#lastError = toError(error)
      log.error({ error: this.#lastError.message, tries: this.#tries }, 'the store still refuses writes')
      this.#next()
    }
  }

  /** Every part has its try, in order: each stands on those before it, but may be whole without them. */
  async #recoverAll(): Promise<void> {
    for (const { directory, failure, recover } of this.#components.parts) {
      const why = failure()
      if (!why) continue
      this.#components.log.error({ error: why.message }, 'the store refuses writes; it is opened again')
      try {
        await this.#assertTakesWrites(directory)
        await recover()
      } catch (error) {
        this.#lastError = toError(error)
      }
    }
    if (this.#components.parts.some(({ failure }) => failure() !== null))
      throw this.#lastError ?? new Error('it has failed once more')
  }

  async #assertTakesWrites(directory: string): Promise<void> {
    const { ballastPath, log, roomBytesMin = ROOM_BYTES_MIN } = this.#components
    if ((await freeBytesOf(directory)) < roomBytesMin && (await releaseBallast(ballastPath)))
      log.warn({ directory }, 'the disk is full: the ballast was given up')
    const freeBytes = await freeBytesOf(directory)
    if (freeBytes < roomBytesMin)
      throw new Error(`the disk of ${directory} is full: ${freeBytes} bytes are left, ${roomBytesMin} needed`)
    await writeProbe(join(directory, PROBE_FILE), Math.min(PROBE_BYTES, roomBytesMin))
  }
}

async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory)
  return bavail * bsize
}

async function writeProbe(path: string, lengthBytes: number): Promise<void> {
  const handle = await open(path, 'w')
  try {
    const piece = Buffer.alloc(Math.min(PROBE_PIECE_BYTES, lengthBytes), 'probe')
    for (let at = 0; at < lengthBytes; at += piece.length) await handle.write(piece, 0, piece.length, at)
    await handle.sync()
  } finally {
    await handle.close()
    await rm(path, { force: true })
  }
}
