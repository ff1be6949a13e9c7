/** An encrypted disk behind a LUKS header of version 1 (what QEMU reads): all behind the header is disk. */
import { headOnly } from '../image-format.ts'

/** Up to the offset of the payload, bytes. */
const HEAD = { at: 0, length: 108 }
const MAGIC = Buffer.from('LUKS\xba\xbe', 'latin1')
const SECTOR_BYTES = 512

export const luks = headOnly(
  { name: 'luks', head: HEAD, matches: (head) => head.subarray(0, MAGIC.length).equals(MAGIC) },
  (head) => {
    const payloadAt = head.readUInt32BE(104) * SECTOR_BYTES
    const isKnown = head.readUInt16BE(6) === 1
    return {
      virtualSizeOf: (sizeBytes) => (sizeBytes >= payloadAt ? sizeBytes - payloadAt : null),
      violations: isKnown ? [] : [{ check: 'version', reason: 'only version 1 of LUKS is supported' }],
    }
  },
)
