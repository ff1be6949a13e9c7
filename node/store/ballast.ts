/**
 * A reserve on disk. LevelDB must write a table to open; on a full disk it could neither be read nor emptied. Giving up
 * the ballast makes the room; it is taken back when there is room again.
 */
import { randomFillSync } from 'node:crypto'
import { open, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock, Log } from '../../cluster/runtime.ts'
import { syncDirectory } from './durable-file.ts'

const FILE_MODE = 0o640
const STEP_BYTES = 1024 * 1024
/** How often a node that has given it up looks whether there is room for it again. */
const RESTORE_EVERY_MS = 60_000

export interface BallastComponents {
  clock: Clock
  log: Log
  /** Bytes beyond what the store keeps free. */
  spareBytes: () => number
}

export class Ballast {
  readonly #path: string
  readonly #sizeBytes: number
  readonly #components: BallastComponents
  #cancel = () => {}

  constructor(path: string, sizeBytes: number, components: BallastComponents) {
    this.#path = path
    this.#sizeBytes = sizeBytes
    this.#components = components
  }

  /** Makes it if there is room, now and then from time to time until `stop`. */
  async start(): Promise<void> {
    await this.#restore()
    this.#cancel = this.#components.clock.after(RESTORE_EVERY_MS, () => {
      this.start().catch((error: unknown) =>
        this.#components.log.warn({ error: String(error) }, 'the ballast could not be written'),
      )
    })
  }

  stop(): void {
    this.#cancel()
  }

  async #restore(): Promise<void> {
    if (this.#components.spareBytes() > this.#sizeBytes) await ensureBallast(this.#path, this.#sizeBytes)
  }
}

/**
 * Writes the file unless it is there in full size. Real blocks and bytes that do not compress: a hole would free
 * nothing.
 */
export async function ensureBallast(path: string, sizeBytes: number): Promise<void> {
  const known = await stat(path).catch(() => null)
  if (known?.size === sizeBytes) return
  const handle = await open(path, 'w', FILE_MODE)
  try {
    const step = randomFillSync(Buffer.alloc(Math.min(STEP_BYTES, sizeBytes)))
    for (let left = sizeBytes; left > 0; left -= step.length) await handle.writeFile(step.subarray(0, left))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await syncDirectory(dirname(path))
}

/** Answers whether there was one to give up. */
export async function releaseBallast(path: string): Promise<boolean> {
  const known = await stat(path).catch(() => null)
  if (!known || known.size === 0) return false
  await rm(path)
  await syncDirectory(dirname(path))
  return true
}
