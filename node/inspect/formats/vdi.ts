/** VirtualBox's format. */
import { headOnly, sizeOrNull } from '../image-format.ts'

/** Up to the size of the disk, bytes. */
const HEAD = { at: 0, length: 0x178 }
const SIGNATURE_AT = 0x40
const SIGNATURE = 0xbeda107f

export const vdi = headOnly(
  {
    name: 'vdi',
    head: HEAD,
    matches: (head) => head.length >= SIGNATURE_AT + 4 && head.readUInt32LE(SIGNATURE_AT) === SIGNATURE,
  },
  (head) => {
    const virtualSize = sizeOrNull(head.readBigUInt64LE(0x170))
    return { virtualSizeOf: () => virtualSize, violations: [] }
  },
)
