/**
 * A small disk that can fail: ext4 on a loop device whose backing file lies in a tmpfs of its own. Needs root. The kernel's
 * own errors, where neither device mapper nor a preloaded library is at hand.
 */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, open, rm, stat, statfs, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface LoopDiskOptions {
  sizeBytes: number
  /** Without one the file system goes on after an error of its disk, as a disk that fails now and then needs. */
  hasJournal: boolean
}

const MIB = 1024 ** 2
/** What tmpfs may take beside the backing file. */
const BACKING_ROOM_BYTES = 16 * MIB
/** Of the file system. */
const BLOCK_BYTES = 4096
const TOOLS = ['mkfs.ext4', 'mount', 'umount', 'fstrim', 'filefrag', 'fsfreeze', 'perl']
/** EXT4_IOC_SHUTDOWN, and its flag that drops what is not on the disk yet, the journal included. */
const CUT =
  'open(my $f, "<", $ARGV[0]) or die $!; my $flag = pack("L", 2); ioctl($f, 0x8004587D, $flag) or die $!'

/** So that a node itself meets the end of the disk, and not its own watermark long before. */
export const smallDiskSettings = (ballast = '16MiB') => [
  { section: 'store', name: 'free_bytes_min', value: '1MiB' },
  { section: 'store', name: 'ballast', value: ballast },
]

export class LoopDisk {
  /** Where it is mounted. */
  readonly path: string
  readonly #directory: string
  readonly #options: LoopDiskOptions

  private constructor(directory: string, options: LoopDiskOptions) {
    this.#directory = directory
    this.path = join(directory, 'disk')
    this.#options = options
  }

  /** Why there can be none here; null when there can. */
  static unavailable(): string | null {
    if (process.getuid?.() !== 0) return 'not root'
    if (!existsSync('/dev/loop-control')) return 'no loop devices'
    const missing = TOOLS.filter(
      (tool) => !['/usr/sbin', '/usr/bin'].some((at) => existsSync(join(at, tool))),
    )
    return missing.length > 0 ? `not installed: ${missing.join(', ')}` : null
  }

  /** Mounted. Gone when this process ends, at the latest. */
  static async create(options: LoopDiskOptions): Promise<LoopDisk> {
    const disk = new LoopDisk(await mkdtemp(join(tmpdir(), 'serac-disk-')), options)
    process.once('exit', () => disk.remove())
    await mkdir(disk.path)
    await mkdir(disk.#tmpfs)
    await run('mount', [
      '-t',
      'tmpfs',
      '-o',
      `size=${options.sizeBytes + BACKING_ROOM_BYTES}`,
      'serac',
      disk.#tmpfs,
    ])
    await (await open(disk.#backing, 'w')).close()
    await truncate(disk.#backing, options.sizeBytes)
    const features = options.hasJournal ? [] : ['-O', '^has_journal']
    await run('mkfs.ext4', [
      '-q',
      '-m',
      '0',
      '-b',
      String(BLOCK_BYTES),
      '-E',
      'lazy_itable_init=0',
      ...features,
      disk.#backing,
    ])
    await disk.mount()
    return disk
  }

  get #tmpfs(): string {
    return join(this.#directory, 'backing')
  }

  get #backing(): string {
    return join(this.#tmpfs, 'image')
  }

  async mount(): Promise<void> {
    const errors = this.#options.hasJournal ? 'remount-ro' : 'continue'
    await run('mount', ['-o', `loop,errors=${errors}`, this.#backing, this.path])
  }

  /** Nothing may have a file of it open. Forgets what the kernel has cached of it. */
  async unmount(): Promise<void> {
    await run('umount', [this.path])
  }

  /** As if the power went: what was not synced is gone, and every call fails until it is mounted again. */
  async cutPower(): Promise<void> {
    await run('perl', ['-e', CUT, this.path])
  }

  /** Takes what room is left, but for `leftBytes`; `empty` gives it back. */
  async fill(leftBytes = 0): Promise<void> {
    const file = await open(this.#filler, 'a')
    try {
      const piece = Buffer.alloc(MIB, 1)
      for (;;) {
        const freeBytes = await this.#freeBytes()
        const sizeBytes = Math.min(piece.length, freeBytes - leftBytes)
        if (sizeBytes <= 0) break
        await file.write(piece, 0, sizeBytes)
      }
      await file.sync()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      await file.close()
    }
  }

  async empty(): Promise<void> {
    await rm(this.#filler, { force: true })
  }

  /**
   * From here on blocks that were never written cannot be. A write succeeds, the sync after it fails: with EIO or, where the
   * kernel hands on the backing file's own error, ENOSPC. `heal` ends it.
   */
  async failNewBlocks(): Promise<void> {
    // What was deleted still has its blocks.
    await run('fstrim', [this.path])
    const { blocks } = await stat(this.#backing)
    await this.#resizeTmpfs(blocks * 512)
  }

  async heal(): Promise<void> {
    await this.#resizeTmpfs(this.#options.sizeBytes + BACKING_ROOM_BYTES)
  }

  /** From here on every write waits for `thaw`, and whoever writes cannot even be killed. What is there can be read. */
  async freeze(): Promise<void> {
    await run('fsfreeze', ['-f', this.path])
  }

  async thaw(): Promise<void> {
    await run('fsfreeze', ['-u', this.path])
  }

  /** From the middle of a file's largest piece on the disk cannot be read: EIO. What is written anew can. */
  async failReadsIn(file: string): Promise<void> {
    const { stdout } = await run('filefrag', ['-e', `-b${BLOCK_BYTES}`, file])
    const extents = [...stdout.matchAll(/^ *\d+: +\d+\.\. +\d+: +(\d+)\.\. +\d+: +(\d+):/gm)].map(
      ([, first, blocks]) => ({ first: Number(first), blocks: Number(blocks) }),
    )
    const largest = extents.toSorted((a, b) => b.blocks - a.blocks)[0]
    if (!largest) throw new Error(`no extents of ${file} in: ${stdout}`)
    await truncate(this.#backing, (largest.first + Math.floor(largest.blocks / 2)) * BLOCK_BYTES)
  }

  /** Idempotent. */
  remove(): void {
    const undo = [
      ['fsfreeze', '-u', this.path],
      ['umount', '-l', this.path],
      ['umount', '-l', this.#tmpfs],
    ] as const
    for (const [command, ...args] of undo)
      if (existsSync(this.path))
        try {
          execFileSync(command, args, { stdio: 'ignore' })
        } catch {
          continue
        }
    rmSync(this.#directory, { recursive: true, force: true })
  }

  get #filler(): string {
    return join(this.path, 'filler')
  }

  async #freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path)
    return bavail * bsize
  }

  async #resizeTmpfs(sizeBytes: number): Promise<void> {
    await run('mount', ['-o', `remount,size=${sizeBytes}`, this.#tmpfs])
  }
}
