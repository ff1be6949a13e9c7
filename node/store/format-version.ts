/**
 * `FORMAT`: what a data directory is, in two lines of text: the facts as JSON, then their BLAKE3. It is the last file
 * that the creation of a store writes: where it stands, every other part must be there too.
 *
 * It records its own inode. A directory that was copied or restored from a backup has another one, and a voter that
 * comes back with an older memory could vote twice in one round (R8).
 */
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { contentHashHex } from '../../cluster/content-hash.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { commitDraft, draftOf, readIfPresent, writeDraft } from './durable-file.ts'
import { StoreError } from './store-error.ts'

export const FORMAT_FILE = 'FORMAT'
const MAGIC = 'SERAC'
/** Of the whole directory. Grows with every change that an older release could not read. */
export const FORMAT_VERSION = 1

export interface StoreFormat {
  version: number
  nodeId: NodeId
  /** 32 hex digits: told apart from every other store, also in the marker of `seg/`. */
  storeUuid: string
  /** Null until the node has joined a cluster. */
  clusterId: string | null
}

interface StoredFormat extends StoreFormat {
  magic: string
  /** Of the FORMAT file itself, in decimal. */
  inode: string
}

/** What was found. */
export interface FoundFormat {
  format: StoreFormat
  /** The file has not the inode it was written with. */
  isCopy: boolean
}

/** Reads and checks FORMAT; null when there is none. Throws FORMAT_DAMAGED, FORMAT_UNKNOWN, STORE_FOREIGN. */
export async function readFormat(directory: string, nodeId: NodeId): Promise<FoundFormat | null> {
  const path = join(directory, FORMAT_FILE)
  const text = await readIfPresent(path)
  if (text === null) return null
  const { magic: _magic, inode, ...format } = parse(text, path)
  if (format.version !== FORMAT_VERSION) {
    const message =
      `${path} has version ${format.version}; this release reads version ${FORMAT_VERSION}: ` +
      `start the release that wrote it, or a newer one; nothing was changed`
    throw new StoreError('FORMAT_UNKNOWN', message, { path, version: format.version })
  }
  if (format.nodeId !== nodeId) {
    const message =
      `${directory} belongs to node ${format.nodeId}, but the node key here is that of ${nodeId}: ` +
      `put the right key file back, or point this node to its own directory`
    throw new StoreError('STORE_FOREIGN', message, { directory, owner: format.nodeId, nodeId })
  }
  const { ino } = await stat(path, { bigint: true })
  return { format, isCopy: ino.toString() !== inode }
}

/** Refuses a copied directory. Throws STORE_COPIED. */
export function refuseCopy(directory: string, found: FoundFormat): void {
  if (!found.isCopy) return
  const message =
    `${directory} is a copy or was restored: a node that votes with an older memory can undo what was acknowledged. ` +
    `Start from the original directory; if there is none, run "serac repair --forget-votes" here, once`
  throw new StoreError('STORE_COPIED', message, { directory })
}

/** Whether the creation of a store began here and did not end. */
export async function isCreationInterrupted(directory: string): Promise<boolean> {
  return (await readIfPresent(draftOf(join(directory, FORMAT_FILE)))) !== null
}

/** An interrupted `replaceFormat` must not look like an interrupted creation one day. */
export function discardDraft(directory: string): Promise<void> {
  return rm(draftOf(join(directory, FORMAT_FILE)), { force: true })
}

/** The first step of creating a store: leaves a sign that what lies here is no store yet. */
export function draftFormat(directory: string, format: StoreFormat): Promise<void> {
  return writeDraft(join(directory, FORMAT_FILE), (inode) => compose(format, inode))
}

/** The last step: from here on the directory is a store. */
export function commitFormat(directory: string): Promise<void> {
  return commitDraft(join(directory, FORMAT_FILE))
}

/** Writes FORMAT anew, durably: the cluster id became known, or a copy was accepted as the store. */
export async function replaceFormat(directory: string, format: StoreFormat): Promise<void> {
  await draftFormat(directory, format)
  await commitFormat(directory)
}

function compose(format: StoreFormat, inode: bigint): string {
  const stored: StoredFormat = { magic: MAGIC, ...format, inode: inode.toString() }
  const line = JSON.stringify(stored)
  return `${line}\n${contentHashHex(Buffer.from(line))}\n`
}

function parse(text: string, path: string): StoredFormat {
  const [line = '', checksum = ''] = text.split('\n')
  if (contentHashHex(Buffer.from(line)) !== checksum) throw damaged(path)
  const stored = JSON.parse(line) as StoredFormat
  if (stored.magic !== MAGIC) throw damaged(path)
  return stored
}

function damaged(path: string): StoreError {
  const message =
    `${path} is damaged: restore this one file if you know what it held, ` +
    `or replace the node by an empty one with "serac replace"`
  return new StoreError('FORMAT_DAMAGED', message, { path })
}
