/**
 * A pool of Ceph, by Debian's `rbd` and `rados`: each object is an RBD image with a protected snapshot `snap`, as Glance makes
 * them, so that nova and cinder clone what they are told the location of. An image without that snapshot is one that never
 * became whole, and is read by nobody.
 */
import type { Clock } from '../../cluster/runtime.ts'
import {
  BackendError,
  type Backend,
  type BackendErrorCode,
  type ObjectRange,
  type PutRequest,
} from './backend.ts'
import { BackendTool } from './backend-tool.ts'
import { RbdReader, type RbdTools } from './rbd-reader.ts'
import type { ToolEnd } from './running-tool.ts'

export interface RbdBackendOptions {
  /** Of the store. */
  id: string
  pool: string
  /** Without `client.`; null = as ceph.conf and the tools have it. */
  user: string | null
  /** Path of ceph.conf; null = where the tools look. It names the keyring: no secret passes through here. */
  conf: string | null
  /** Of the Ceph cluster; part of locations. */
  fsid: string
  /** Of the objects that an image is cut into, bytes: a power of two from 4 KiB to 32 MiB. */
  objectBytes: number
  /** For Ceph's monitors to answer, seconds. */
  connectSeconds: number
  /** Absent: those in PATH. */
  tools?: RbdTools
}

/** As Glance names it. */
const SNAPSHOT = 'snap'
/** For a command that looks or marks, ms. */
const RUN_MS = 30_000
/** To delete an image, object by object, ms; its caller's patience mostly ends sooner, and what is gone by then is gone. */
const REMOVE_MS = 600_000
/** After a failure, for what was sent of it, ms. */
const CLEAN_UP_MS = 15_000

/** As `rbd children` says it of a clone that it may not open. */
const CLONE_ELSEWHERE = /failed to open descendant \w+ from pool/

/** Ends of `rbd`: numbers of Linux. */
const [NO_ENTRY, BUSY, EXISTS, INVALID, NOT_EMPTY] = [2, 16, 17, 22, 39]
const CODES = new Map<number, BackendErrorCode>([
  [1, 'BACKEND_REFUSED'],
  [NO_ENTRY, 'BACKEND_NOT_FOUND'],
  [13, 'BACKEND_REFUSED'],
  [BUSY, 'BACKEND_IN_USE'],
  [INVALID, 'BACKEND_REFUSED'],
  [28, 'BACKEND_FULL'],
  [NOT_EMPTY, 'BACKEND_IN_USE'],
  [122, 'BACKEND_FULL'],
])

export class RbdBackend implements Backend {
  readonly properties: Readonly<Record<string, unknown>>
  readonly #options: RbdBackendOptions
  readonly #tool: BackendTool
  readonly #reader: RbdReader
  readonly #rbd: string
  /** Before all others. */
  readonly #base: readonly string[]

  constructor(clock: Clock, options: RbdBackendOptions) {
    this.#options = options
    const { id, pool, fsid, objectBytes, user, conf, connectSeconds } = options
    const tools = options.tools ?? { rbd: 'rbd', rados: 'rados' }
    this.#rbd = tools.rbd
    this.#base = [
      ...(conf === null ? [] : ['--conf', conf]),
      ...(user === null ? [] : ['--id', user]),
      '--client_mount_timeout',
      String(connectSeconds),
    ]
    this.#tool = new BackendTool(clock, id)
    const known = { pool, base: this.#base, snapshot: SNAPSHOT, codes: CODES }
    this.#reader = new RbdReader(this.#tool, tools, known)
    this.properties = { pool, chunk_size: objectBytes, thin_provisioning: true, fsid }
  }

  urlOf(name: string): string {
    const parts = [this.#options.fsid, this.#options.pool, name, SNAPSHOT]
    return `rbd://${parts.map(encodeURIComponent).join('/')}`
  }

  nameOf(url: string): string {
    const [, name, plain = ''] = /^rbd:\/\/(?:[^/]+\/[^/]+\/([^/]+)\/[^/]+|([^/]+))$/.exec(url) ?? []
    return name ?? plain
  }

  async put(name: string, body: AsyncIterable<Uint8Array>, { signal }: PutRequest): Promise<number> {
    const { objectBytes } = this.#options
    const args = ['import', '--no-progress', '--image-format', '2', '--object-size', `${objectBytes}B`, '-']
    try {
      const sent = await this.#tool.feed(this.#rbd, [...this.#base, ...args, this.#image(name)], body, signal)
      // What was there before is not ours to remove.
      if (sent.exitCode === EXISTS) throw await this.#alreadyThere(name, signal)
      this.#require(sent)
      await this.#run(['snap', 'create', '--no-progress', this.#snapshot(name)], signal)
      await this.#run(['snap', 'protect', this.#snapshot(name)], signal)
      await this.#requireSize(name, sent.sizeBytes, signal)
      return sent.sizeBytes
    } catch (error) {
      // One that does not answer is not asked for more.
      if (!(error instanceof BackendError && error.code === 'BACKEND_UNAVAILABLE'))
        await this.delete(name, AbortSignal.timeout(CLEAN_UP_MS)).catch(() => {})
      // What is put where there is no pool: nothing that a caller named is missing.
      if (error instanceof BackendError && error.code === 'BACKEND_NOT_FOUND')
        throw new BackendError('BACKEND_REFUSED', error.message, {}, error)
      throw error
    }
  }

  open(name: string, range: ObjectRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return this.#reader.read(name, range, signal)
  }

  /** What has clones stays whole, its snapshot as well. What was begun and is not there any more is done. */
  async delete(name: string, signal: AbortSignal): Promise<void> {
    if (await this.isInUse(name, signal))
      throw this.#tool.error('BACKEND_IN_USE', 'keeps an image that has clones')
    await this.#run(['snap', 'unprotect', this.#snapshot(name)], signal, [NO_ENTRY, INVALID])
    await this.#run(['snap', 'rm', '--no-progress', this.#snapshot(name)], signal, [NO_ENTRY])
    const args = [...this.#base, 'rm', '--no-progress', this.#image(name)]
    const removed = await this.#tool.run(this.#rbd, args, { totalMs: REMOVE_MS, signal })
    // The same is said where there is no pool, and that is another matter.
    if (removed.exitCode === NO_ENTRY) await this.#requirePool(signal)
    this.#require(removed, [NO_ENTRY])
  }

  /**
   * With the rights that Ceph's documentation gives to Glance, clones in other pools are found and cannot be opened, which is
   * told as a refusal. Where one is overlooked, `delete` meets it.
   */
  async isInUse(name: string, signal: AbortSignal): Promise<boolean> {
    const args = ['children', '--all', '--format', 'json', this.#snapshot(name)]
    const answer = await this.#tool.run(this.#rbd, [...this.#base, ...args], { totalMs: RUN_MS, signal })
    if (answer.exitCode === 0) return answer.stdout.trim() !== '[]'
    if (CLONE_ELSEWHERE.test(answer.stderr)) return true
    const failure = this.#tool.failure(answer, 'rbd', CODES)
    if (failure.code === 'BACKEND_NOT_FOUND' || failure.code === 'BACKEND_REFUSED') return false
    throw failure
  }

  async close(): Promise<void> {}

  /** One object of the pool is read: monitors, the pool and those who keep it are there. */
  async #requirePool(signal: AbortSignal): Promise<void> {
    await this.#run(['namespace', 'ls', '--format', 'json', this.#options.pool], signal)
  }

  /**
   * What never became whole, and whose writer is gone, does not stay in the way of the next try: whoever still writes holds a
   * watch on it, and then it is not removed.
   */
  async #alreadyThere(name: string, signal: AbortSignal): Promise<BackendError> {
    const isWhole = await this.#reader.infoOf(name, signal).then(
      () => true,
      (error: unknown) => !(error instanceof BackendError && error.code === 'BACKEND_NOT_FOUND'),
    )
    if (!isWhole) await this.#run(['rm', '--no-progress', this.#image(name)], signal, [NO_ENTRY, BUSY])
    return this.#tool.error('BACKEND_UNAVAILABLE', 'has such an image already')
  }

  async #requireSize(name: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    const { size } = await this.#reader.infoOf(name, signal)
    if (size !== sizeBytes)
      throw this.#tool.error('BACKEND_REFUSED', `has kept ${size} of ${sizeBytes} bytes`)
  }

  async #run(args: readonly string[], signal: AbortSignal, allowed: readonly number[] = []): Promise<void> {
    const limits = { totalMs: RUN_MS, signal }
    this.#require(await this.#tool.run(this.#rbd, [...this.#base, ...args], limits), allowed)
  }

  #require(end: ToolEnd, allowed: readonly number[] = []): void {
    if (end.exitCode === 0 || (end.exitCode !== null && allowed.includes(end.exitCode))) return
    throw this.#tool.failure(end, 'rbd', CODES)
  }

  #image(name: string): string {
    return `${this.#options.pool}/${name}`
  }

  #snapshot(name: string): string {
    return `${this.#image(name)}@${SNAPSHOT}`
  }
}
