/**
 * QEMU's own format (qemu docs/interop/qcow2). What would let it name a file of the host is refused: a backing file, a
 * data file, and features that are not known.
 */
import { headOnly, sizeOrNull, type Violation } from '../image-format.ts'

/** Of a version 3 header without the feature that came last, bytes. An image is at least one cluster long, 512 bytes. */
const HEAD = { at: 0, length: 104 }
const MAGIC = Buffer.from('QFI\xfb', 'latin1')
const DATA_FILE_BIT = 1n << 2n
/** Dirty, corrupt, data file, compression type. oslo.utils, and so nova, takes extended L2 entries (bit 4) as unknown. */
const KNOWN_FEATURES = 0b1111n

export const qcow2 = headOnly(
  { name: 'qcow2', head: HEAD, matches: (head) => head.subarray(0, MAGIC.length).equals(MAGIC) },
  (head) => {
    const virtualSize = sizeOrNull(head.readBigUInt64BE(24))
    return { virtualSizeOf: () => virtualSize, violations: violationsOf(head) }
  },
)

function violationsOf(head: Buffer): Violation[] {
  const version = head.readUInt32BE(4)
  // There is no such field before version 3.
  const features = version === 3 ? head.readBigUInt64BE(72) : 0n
  const violations: Violation[] = []
  if (head.readBigUInt64BE(8) !== 0n)
    violations.push({ check: 'backing_file', reason: 'it has a backing file' })
  if ((features & DATA_FILE_BIT) !== 0n)
    violations.push({ check: 'data_file', reason: 'its data is in another file' })
  if (version !== 2 && version !== 3)
    violations.push({ check: 'unknown_features', reason: 'its version is neither 2 nor 3' })
  if ((features & ~KNOWN_FEATURES) !== 0n)
    violations.push({ check: 'unknown_features', reason: 'it needs features that are not known' })
  return violations
}
