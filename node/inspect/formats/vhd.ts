/**
 * Microsoft's Virtual Hard Disk, as Azure and Xen have it: the footer's copy in front of a dynamic one. A fixed one has
 * nothing in front, and is raw bytes to QEMU and Glance.
 */
import { headOnly, sizeOrNull } from '../image-format.ts'

/** Up to the current size of the disk, bytes. */
const HEAD = { at: 0, length: 56 }
const COOKIE = Buffer.from('conectix')

export const vhd = headOnly(
  { name: 'vhd', head: HEAD, matches: (head) => head.subarray(0, COOKIE.length).equals(COOKIE) },
  (head) => {
    const virtualSize = sizeOrNull(head.readBigUInt64BE(48))
    return { virtualSizeOf: () => virtualSize, violations: [] }
  },
)
