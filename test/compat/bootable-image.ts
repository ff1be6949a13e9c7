/** Images a machine could boot from, and what their bytes are known by. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { runCommand } from '../helpers/run-command.ts'

/** Of Debian's grub-rescue-pc, about 5 MB: more than one chunk. */
export const ISO = '/usr/lib/grub-rescue/grub-rescue-cdrom.iso'

export interface FileFacts {
  size: number
  /** Hexadecimal. */
  sha512: string
}

/** The ISO as a qcow2 in `directory`; resolves with its path. */
export async function makeQcow2(directory: string): Promise<string> {
  const file = join(directory, 'rescue.qcow2')
  const { exitCode, stderr } = await runCommand('qemu-img', [
    'convert',
    '-f',
    'raw',
    '-O',
    'qcow2',
    ISO,
    file,
  ])
  if (exitCode !== 0) throw new Error(`qemu-img ended with ${exitCode}: ${stderr}`)
  return file
}

export async function fileFacts(file: string): Promise<FileFacts> {
  const hash = createHash('sha512')
  await pipeline(createReadStream(file), hash)
  return { size: (await stat(file)).size, sha512: hash.digest('hex') }
}
