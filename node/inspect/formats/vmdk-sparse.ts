/**
 * VMware's sparse extent with its descriptor in it (monolithicSparse, streamOptimized). Where a footer replaces the header
 * it must say the same.
 */
import { CAPTURE_BYTES_MAX } from '../capture.ts'
import { sizeOrNull, type FormatRules, type ImageFormat, type Inspection } from '../image-format.ts'
import { descriptorProblem, descriptorText, descriptorViolation } from './vmdk-descriptor.ts'

const HEAD = { at: 0, length: 64 }
const MAGIC = Buffer.from('KDMV')
const SECTOR_BYTES = 512
const VERSIONS = [1, 2, 3]
/** Where every writer puts it, sectors. */
const DESCRIPTOR_SECTOR = 1n
/** In place of the offset of the grain directory: it is told in the footer. */
const IN_FOOTER = 0xffff_ffff_ffff_ffffn
/** A marker, the footer, the end-of-stream marker: a sector each. */
const FOOTER_BYTES = 3 * SECTOR_BYTES
const END_MARKER = 0
const FOOTER_MARKER = 3

export const vmdkSparse: ImageFormat = {
  name: 'vmdk',
  head: HEAD,
  matches: (head) => head.subarray(0, MAGIC.length).equals(MAGIC),
  *inspect(head, rules) {
    const problem = headProblem(head) ?? (yield* problemInDescriptor(head, rules))
    if (problem !== null) return { virtualSizeOf: () => null, violations: [descriptorViolation(problem)] }
    const sectors = sizeOrNull(head.readBigUInt64LE(12) * BigInt(SECTOR_BYTES))
    const inFooter = head.readBigUInt64LE(56) === IN_FOOTER ? yield* problemInFooter(head) : null
    return {
      virtualSizeOf: () => sectors,
      violations: inFooter === null ? [] : [{ check: 'footer', reason: inFooter }],
    }
  },
}

function headProblem(head: Buffer): string | null {
  if (head.length < HEAD.length) return 'it ends within its header'
  if (!VERSIONS.includes(head.readUInt32LE(4))) return 'its version is not supported'
  // QEMU then goes by the extents that the descriptor names.
  if (head.readBigUInt64LE(12) === 0n) return 'its header says that its data is elsewhere'
  return head.readBigUInt64LE(28) === DESCRIPTOR_SECTOR ? null : 'its descriptor is not behind its header'
}

function* problemInDescriptor(head: Buffer, rules: FormatRules): Inspection<string | null> {
  const claimed = head.readBigUInt64LE(36) * BigInt(SECTOR_BYTES)
  if (claimed === 0n) return 'it has no descriptor'
  const length = claimed < CAPTURE_BYTES_MAX ? Number(claimed) : CAPTURE_BYTES_MAX
  const bytes = yield { at: SECTOR_BYTES, length }
  const text = descriptorText(bytes)
  if (bytes.length < length) return 'it ends within its descriptor'
  if (text.length < claimed && text.length === length) return `its descriptor is longer than ${length} bytes`
  return descriptorProblem(text, rules)
}

function* problemInFooter(head: Buffer): Inspection<string | null> {
  const end = yield { last: FOOTER_BYTES }
  if (end.length < FOOTER_BYTES) return 'its footer is missing'
  const [marker, footer, endMarker] = [0, 1, 2].map((sector) =>
    end.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES),
  ) as [Buffer, Buffer, Buffer]
  if (!isMarker(marker, FOOTER_MARKER)) return 'the marker of its footer is invalid'
  if (!isMarker(endMarker, END_MARKER) || endMarker.readBigUInt64LE(0) !== 0n)
    return 'its end-of-stream marker is invalid'
  if (footer.readBigUInt64LE(56) === IN_FOOTER) return 'its footer points to another footer'
  return isSameLayout(head, footer) ? null : 'its footer differs from its header'
}

/** Of no data, and with nothing behind its type. */
function isMarker(sector: Buffer, type: number): boolean {
  return (
    sector.readUInt32LE(8) === 0 &&
    sector.readUInt32LE(12) === type &&
    sector.subarray(16).every((b) => b === 0)
  )
}

/** Magic, version and capacity, and where the descriptor is. */
function isSameLayout(head: Buffer, footer: Buffer): boolean {
  return [
    [0, 8],
    [12, 20],
    [28, 44],
  ].every(([from, to]) => head.subarray(from, to).equals(footer.subarray(from, to)))
}
