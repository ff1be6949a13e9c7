/**
 * `FORMAT`: says what a data directory is and whose. It is checked before anything is opened, and once it exists no
 * database is ever created beside it: a lost database must be noticed, not replaced by an empty one (LevelDB would).
 *
 * The file records its own inode: a copied or restored directory shows another one, and its votes must not be used (R8).
 */
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { contentHashHex } from '../../cluster/content-hash.ts'
import { syncDirectory } from './durable-file.ts'
import { StoreError } from './store-error.ts'

/** The layout that this release reads and writes. A change of format needs an upgrade step and a new number. */
export const FORMAT_VERSION = 1
const MAGIC = 'SERAC'
const FILE = 'FORMAT'

export interface StoreFormat {
  version: number
  clusterId: string
  nodeId: string
  /** 32 hex digits; also stands in the marker of `seg/`. */
  storeUuid: string
  inode: string
}

/** Reads and checks `FORMAT`; null when the directory holds no store yet. Throws StoreError. */
export async function readFormat(directory: string, nodeId: string, clusterId: string): Promise<StoreFormat | null> {
  const path = join(directory, FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  const format = parse(text, path)
  assertUsable(format, path, nodeId, clusterId)
  const { ino } = await stat(path, { bigint: true })
  if (format.inode !== ino.toString())
    throw new StoreError(
      'STORE_COPIED',
      `${directory} is a copy of a data directory or was restored from a backup. Its votes may be older than what this ` +
        'node promised: remove the directory and let the node join anew, or move the original back.',
      { directory },
    )
  return format
}

/** Writes `FORMAT` for a new store, durably. It must be the last thing that a new store gets. */
export async function writeFormat(directory: string, facts: Omit<StoreFormat, 'version' | 'inode'>): Promise<StoreFormat> {
  const path = join(directory, FILE)
  const handle = await open(path, 'wx', 0o640)
  try {
    const { ino } = await handle.stat({ bigint: true })
    const format: StoreFormat = { version: FORMAT_VERSION, ...facts, inode: ino.toString() }
    await handle.writeFile(render(format))
    await handle.sync()
    await syncDirectory(directory)
    return format
  } finally {
    await handle.close()
  }
}

function render(format: StoreFormat): string {
  const body = `${MAGIC}\n${JSON.stringify(format)}\n`
  return `${body}${contentHashHex(Buffer.from(body))}\n`
}

function parse(text: string, path: string): StoreFormat {
  const [magic, json = '', checksum] = text.split('\n')
  const isWhole = magic === MAGIC && contentHashHex(Buffer.from(`${magic}\n${json}\n`)) === checksum
  if (!isWhole)
    throw new StoreError('STORE_INCOMPLETE', `${path} is damaged: restore it, or remove the data directory and join anew.`)
  return JSON.parse(json) as StoreFormat
}

function assertUsable(format: StoreFormat, path: string, nodeId: string, clusterId: string): void {
  if (format.version !== FORMAT_VERSION)
    throw new StoreError('STORE_VERSION', `${path} has format ${format.version}; this release reads ${FORMAT_VERSION}.`)
  if (format.nodeId !== nodeId)
    throw new StoreError(
      'STORE_FOREIGN',
      `${path} belongs to node ${format.nodeId}, but the key file is that of node ${nodeId}: check state_path and key_file.`,
    )
  if (format.clusterId !== clusterId)
    throw new StoreError(
      'STORE_FOREIGN',
      `${path} belongs to cluster ${format.clusterId}, but the initial members make cluster ${clusterId}: ` +
        'the list must stay as it was when the cluster began.',
    )
}
