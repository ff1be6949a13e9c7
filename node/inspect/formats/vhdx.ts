/**
 * Microsoft's VHDX ([MS-VHDX]): a table of regions leads to the metadata, and a table there to the size of the disk. The
 * tables are looked at entry by entry, so that their length costs no memory.
 */
import { sizeOrNull, StructureError, whole, type ImageFormat, type Inspection } from '../image-format.ts'

const IDENTIFIER = Buffer.from('vhdxfile')
/** Of the first copy; bytes. */
const REGION_TABLE = { at: 192 * 1024, headerBytes: 16 }
const METADATA_HEADER_BYTES = 32
/** Of both tables. */
const ENTRY_BYTES = 32
/** What fits into the 64 KiB that each table has. */
const ENTRIES_MAX = 2047
const METADATA_REGION = guid('8B7CA206-4790-4B9A-B8FE-575F050F886E')
const VIRTUAL_DISK_SIZE = guid('2FA54224-CD1B-4876-B211-5DBED83BF4B8')

export const vhdx: ImageFormat = {
  name: 'vhdx',
  head: { at: 0, length: IDENTIFIER.length },
  matches: (head) => head.equals(IDENTIFIER),
  *inspect() {
    const metadataAt = yield* findMetadata()
    const item = yield* findEntry(
      metadataAt + METADATA_HEADER_BYTES,
      yield* metadataEntries(metadataAt),
      VIRTUAL_DISK_SIZE,
    )
    const size = yield* whole(metadataAt + item.readUInt32LE(16), 8)
    const virtualSize = sizeOrNull(size.readBigUInt64LE(0))
    return { virtualSizeOf: () => virtualSize, violations: [] }
  },
}

function* findMetadata(): Inspection<number> {
  const { at, headerBytes } = REGION_TABLE
  const header = yield* whole(at, headerBytes)
  if (header.toString('latin1', 0, 4) !== 'regi') throw new StructureError('its region table is missing')
  const entry = yield* findEntry(at + headerBytes, header.readUInt32LE(8), METADATA_REGION)
  const metadataAt = sizeOrNull(entry.readBigUInt64LE(16))
  if (metadataAt === null) throw new StructureError('its metadata is beyond its end')
  return metadataAt
}

function* metadataEntries(at: number): Inspection<number> {
  const header = yield* whole(at, METADATA_HEADER_BYTES)
  if (header.toString('latin1', 0, 8) !== 'metadata') throw new StructureError('its metadata is missing')
  return header.readUInt16LE(10)
}

function* findEntry(at: number, count: number, id: Buffer): Inspection<Buffer> {
  if (count > ENTRIES_MAX) throw new StructureError('a table has more entries than fit')
  for (let index = 0; index < count; index++) {
    const entry = yield* whole(at + index * ENTRY_BYTES, ENTRY_BYTES)
    if (entry.subarray(0, id.length).equals(id)) return entry
  }
  throw new StructureError('a table lacks an entry that must be there')
}

/** As Microsoft stores them: the first three groups are little-endian. */
function guid(text: string): Buffer {
  const groups = text.split('-').map((group) => Buffer.from(group, 'hex'))
  return Buffer.concat(groups.map((group, index) => Buffer.from(index < 3 ? group.toReversed() : group)))
}
