/** Small files that must survive a power cut: written aside, synced, renamed, and the directory synced. */
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export async function writeFileDurably(path: string, bytes: Uint8Array | string, mode = 0o640): Promise<void> {
  const draft = `${path}.new`
  const handle = await open(draft, 'w', mode)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, path)
  await syncDirectory(dirname(path))
}

export async function makeDirectoryDurably(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o750 })
  await syncDirectory(dirname(path))
}
