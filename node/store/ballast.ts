/**
 * A reserve on disk. LevelDB must write a table to open; on a full disk it could neither be read nor emptied. Giving up
 * the ballast makes the room.
 */
import { randomFillSync } from 'node:crypto'
import { open, rm, stat } from 'node:fs/promises'
import { syncDirectory } from './durable-file.ts'
import { dirname } from 'node:path'

const FILE_MODE = 0o640
const STEP_BYTES = 1024 * 1024

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
