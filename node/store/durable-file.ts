/** Small files that are whole or absent, whatever happens to the power. */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const FILE_MODE = 0o640
const DIRECTORY_MODE = 0o750

/** Contents that depend on the inode that will hold them. */
export type ContentsOf = (inode: bigint) => string

/**
 * Writes `<path>.new`, durably, without giving it its name yet. The inode stays the same when `commitDraft` renames it,
 * so a file can carry its own.
 */
export async function writeDraft(path: string, contents: ContentsOf): Promise<void> {
  const handle = await open(draftOf(path), 'w', FILE_MODE)
  try {
    const { ino } = await handle.stat({ bigint: true })
    await handle.writeFile(contents(ino))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await syncDirectory(dirname(path))
}

/** Gives the draft its name, durably, in place of what had it. */
export async function commitDraft(path: string): Promise<void> {
  await rename(draftOf(path), path)
  await syncDirectory(dirname(path))
}

/** Replaces a file durably. */
export async function writeDurably(path: string, contents: string): Promise<void> {
  await writeDraft(path, () => contents)
  await commitDraft(path)
}

/** The text of a file, or null when there is none. */
export async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Makes a directory of the store, durably, unless it is there. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: DIRECTORY_MODE })
  await syncDirectory(join(path, '..'))
}

/** Makes the names in a directory durable: a new file may otherwise be gone after a power cut, synced or not. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export function draftOf(path: string): string {
  return `${path}.new`
}
