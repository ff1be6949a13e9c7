/** Takes all that a stopped node has, as a new disk does: but for its identity, and the files of whoever runs it. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

const KEPT = ['node.key', 'serac.conf', 'serac.log']

export async function wipeDirectory(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (!KEPT.includes(name)) await rm(join(directory, name), { recursive: true })
}
