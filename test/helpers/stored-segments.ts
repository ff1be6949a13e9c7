/** The segment files of a node, to look at and to damage; the node may run. */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { RECORD_ALIGN_BYTES, RECORD_HEADER_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import { parseHeader, recordBytes } from '../../node/store/segment-record.ts'

/** Bytes on disk of all of them. `nodeDirectory` is the state_path. */
export async function segmentBytes(nodeDirectory: string): Promise<number> {
  const segments = await segmentsOf(nodeDirectory)
  // One may be unlinked meanwhile.
  const sizes = await Promise.all(segments.map((path) => stat(path).catch(() => ({ blocks: 0 }))))
  return sizes.reduce((sum, { blocks }) => sum + blocks * 512, 0)
}

/**
 * Flips a byte in the middle of the first `count` chunks of a wanted length in the segment files; answers how many there were. All are looked
 * up first: a chunk that a download has healed meanwhile stands at the end, and would be counted twice.
 */
export async function rot(
  nodeDirectory: string,
  count: number,
  isWanted: (lengthBytes: number) => boolean = () => true,
): Promise<number> {
  const files = new Map<FileHandle, number[]>()
  let rotten = 0
  for (const path of await segmentsOf(nodeDirectory)) {
    const file = await open(path, 'r+')
    const offsets: number[] = []
    files.set(file, offsets)
    const header = Buffer.alloc(RECORD_HEADER_BYTES)
    for (let at = 0; rotten < count && (await file.read(header, 0, header.length, at)).bytesRead > 0;) {
      const record = parseHeader(header)
      if (record && isWanted(record.length)) {
        offsets.push(at + RECORD_HEADER_BYTES + Math.floor(record.length / 2))
        rotten++
      }
      at += record ? recordBytes(record.length) : RECORD_ALIGN_BYTES
    }
  }
  for (const [file, offsets] of files) {
    for (const at of offsets) await flip(file, at)
    await file.close()
  }
  return rotten
}

async function flip(file: FileHandle, at: number): Promise<void> {
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, at)
  await file.write(Uint8Array.of(byte.readUInt8(0) ^ 0xff), 0, 1, at)
}

async function segmentsOf(nodeDirectory: string): Promise<string[]> {
  const directory = join(nodeDirectory, 'seg')
  const names = (await readdir(directory)).filter((name) => name.endsWith('.seg'))
  return names.toSorted().map((name) => join(directory, name))
}
