/**
 * Debian's qemu-img, which reads what strangers have written: it works in a folder of its own, under limits that the kernel
 * holds it to, and is told the format, so that it never guesses one.
 */
import { spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import type { ScratchFolder } from './scratch-space.ts'

export interface QemuImgLimits {
  /** For all of its memory, mapped files included, KiB. */
  addressSpaceKib: number
  /** Of processor time, seconds. */
  cpuSeconds: number
  /** From start to end, ms. */
  totalMs: number
}

/** Glance has 1 GiB and 30 s for a look at an image, and none to convert one: its threads have to be there, and its time. */
export const QEMU_IMG_LIMITS: QemuImgLimits = {
  addressSpaceKib: 2 * 1024 ** 2,
  cpuSeconds: 3600,
  totalMs: 4 * 3_600_000,
}

/** Its own names of what OpenStack calls otherwise. */
const FORMATS: Readonly<Record<string, string>> = {
  raw: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vhd: 'vpc',
  vhdx: 'vhdx',
  vdi: 'vdi',
}

export interface Conversion {
  folder: ScratchFolder
  /** Names in the folder. */
  source: string
  target: string
  /** disk_formats; see `canConvert`. */
  from: string
  to: string
  /** Of the target, its holes included. */
  sizeBytesMax: number
  signal: AbortSignal
}

interface Ended {
  stdout: string
  stderr: string
  exitCode: number | null
  killedBy: NodeJS.Signals | null
}

/** Limits first, then the tool in the shell's place. dash and bash in its mode count files in blocks of 512 bytes. */
const UNDER_LIMITS =
  'ulimit -v "$1" && ulimit -t "$2" && ulimit -f "$3" && ulimit -c 0 && shift 3 && exec nice -n 10 "$@"'
const FILE_BLOCK_BYTES = 512
/** How often it is looked how much it has written. */
const LOOK_EVERY_MS = 250
/** What formats other than raw may add to the bytes of the disk: a header and tables. */
const OVERHEAD_BYTES = 16 * 1024 ** 2
/** Of what it says; the rest is dropped. */
const SAID_LENGTH_MAX = 64 * 1024
/** The status with which a shell ends that cannot find its command, or may not run it. */
const NOT_FOUND = new Set([126, 127])

export class QemuImg {
  readonly #clock: Clock
  readonly #command: string
  readonly #limits: QemuImgLimits

  constructor(components: { clock: Clock }, options: { command?: string; limits?: QemuImgLimits } = {}) {
    this.#clock = components.clock
    this.#command = options.command ?? 'qemu-img'
    this.#limits = options.limits ?? QEMU_IMG_LIMITS
  }

  /** Whether it is installed. Never rejects. */
  async isThere(): Promise<boolean> {
    const signal = new AbortController().signal
    const ended = await this.#run(['--version'], { cwd: '/', fileBytesMax: 0, signal }).catch(() => null)
    return ended?.exitCode === 0
  }

  /** Throws UNSUPPORTED_MEDIA for an image that it refuses, TOO_LARGE, UNAVAILABLE, or the signal's reason. */
  async convert(conversion: Conversion): Promise<void> {
    const { folder, source, target, from, to, sizeBytesMax, signal } = conversion
    await this.#requireAlone(conversion)
    const stop = new AbortController()
    const until = AbortSignal.any([signal, stop.signal])
    const watched = this.#watch(folder, target, stop)
    try {
      const args = ['convert', '-q', '-f', qemuName(from), '-O', qemuName(to), `./${source}`, `./${target}`]
      const ended = await this.#run(args, {
        cwd: folder.path,
        fileBytesMax: sizeBytesMax + (to === 'raw' ? 0 : OVERHEAD_BYTES),
        signal: until,
      })
      requireSuccess(ended, 'convert the image', sizeBytesMax)
    } finally {
      watched.stop()
    }
    await folder.grownTo(target, await allocatedBytes(folder.file(target)))
  }

  /** What our own inspection has found, once more in the eyes of the tool: no other file belongs to the image. */
  async #requireAlone({ folder, source, from, to, sizeBytesMax, signal }: Conversion): Promise<void> {
    const args = ['info', '--output=json', '-f', qemuName(from), `./${source}`]
    const ended = await this.#run(args, { cwd: folder.path, fileBytesMax: 0, signal })
    requireSuccess(ended, 'read the image', sizeBytesMax)
    const info = JSON.parse(ended.stdout) as {
      'virtual-size'?: number
      'backing-filename'?: string
      'format-specific'?: { data?: { 'data-file'?: string } }
    }
    if (info['backing-filename'] !== undefined || info['format-specific']?.data?.['data-file'] !== undefined)
      throw new ImageError('UNSUPPORTED_MEDIA', 'The image refers to another file, which is not allowed.')
    const virtualBytes = info['virtual-size'] ?? Infinity
    if (to === 'raw' && virtualBytes > sizeBytesMax)
      throw new ImageError(
        'TOO_LARGE',
        `The disk inside the image has ${virtualBytes} bytes, more than the ${sizeBytesMax} allowed.`,
      )
  }

  /** Ends the tool when there is no room for what it writes. */
  #watch(folder: ScratchFolder, target: string, stop: AbortController): { stop: () => void } {
    let isOver = false
    let cancel = () => {}
    const look = async () => {
      try {
        await folder.grownTo(target, await allocatedBytes(folder.file(target)))
      } catch (error) {
        return stop.abort(error)
      }
      if (!isOver) cancel = this.#clock.after(LOOK_EVERY_MS, () => void look())
    }
    cancel = this.#clock.after(LOOK_EVERY_MS, () => void look())
    return {
      stop: () => {
        isOver = true
        cancel()
      },
    }
  }

  #run(
    args: readonly string[],
    { cwd, fileBytesMax, signal }: { cwd: string; fileBytesMax: number; signal: AbortSignal },
  ): Promise<Ended> {
    const { addressSpaceKib, cpuSeconds, totalMs } = this.#limits
    const blocks = Math.ceil(fileBytesMax / FILE_BLOCK_BYTES)
    const limits = [addressSpaceKib, cpuSeconds, blocks].map(String)
    const shell = ['-c', UNDER_LIMITS, 'serac', ...limits, this.#command, ...args]
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const child = spawn('/bin/sh', shell, {
        cwd,
        // Each thread would take 64 MiB of the address space for a heap of its own.
        env: { PATH: process.env['PATH'], LC_ALL: 'C', MALLOC_ARENA_MAX: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: totalMs,
        killSignal: 'SIGKILL',
        signal,
      })
      const said = { stdout: '', stderr: '' }
      const listen = (name: 'stdout' | 'stderr') =>
        child[name].setEncoding('utf8').on('data', (text: string) => {
          said[name] = (said[name] + text).slice(0, SAID_LENGTH_MAX)
        })
      listen('stdout')
      listen('stderr')
      child.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error))
      child.on('close', (exitCode, killedBy) => resolve({ ...said, exitCode, killedBy }))
    })
  }
}

/** Whether images of a disk_format can be read or written. */
export function canConvert(diskFormat: string): boolean {
  return Object.hasOwn(FORMATS, diskFormat)
}

function qemuName(diskFormat: string): string {
  const name = FORMATS[diskFormat]
  if (name !== undefined) return name
  throw new ImageError('UNSUPPORTED_MEDIA', `Images of disk_format ${diskFormat} cannot be converted.`)
}

function requireSuccess({ exitCode, killedBy, stderr }: Ended, what: string, sizeBytesMax: number): void {
  if (exitCode === 0) return
  if (exitCode !== null && NOT_FOUND.has(exitCode))
    throw new ImageError(
      'UNAVAILABLE',
      'Images are to be converted, and qemu-img is not installed at this node.',
    )
  if (killedBy === 'SIGXFSZ' || /File too large|File size limit/.test(stderr))
    throw new ImageError('TOO_LARGE', `The converted image has more than the ${sizeBytesMax} bytes allowed.`)
  if (killedBy === 'SIGXCPU' || killedBy === 'SIGKILL')
    throw new ImageError('UNSUPPORTED_MEDIA', `It takes qemu-img too long to ${what}.`)
  const [line = ''] = stderr.trim().split('\n')
  throw new ImageError(
    'UNSUPPORTED_MEDIA',
    `qemu-img could not ${what}: ${line || `it ended with ${killedBy ?? exitCode}`}`,
  )
}

/** Holes are none; 0 when there is no file yet. */
async function allocatedBytes(path: string): Promise<number> {
  const found = await stat(path).catch(() => null)
  return (found?.blocks ?? 0) * FILE_BLOCK_BYTES
}
