/** ISO 9660 and UDF: the first volume descriptor, behind 32 KiB that belong to whoever boots from it. */
import { headOnly } from '../image-format.ts'

/** Up to the block size, bytes. */
const HEAD = { at: 32 * 1024, length: 132 }
const IDENTIFIERS = ['CD001', 'NSR02', 'NSR03']
const PRIMARY = 1

export const iso = headOnly(
  {
    name: 'iso',
    head: HEAD,
    matches: (head) => IDENTIFIERS.includes(head.toString('latin1', 1, 6)),
  },
  (head) => {
    const volumeBytes = head.readUInt32LE(80) * head.readUInt16LE(128)
    // Only a primary descriptor has these fields.
    return { virtualSizeOf: () => (head[0] === PRIMARY ? volumeBytes : null), violations: [] }
  },
)
