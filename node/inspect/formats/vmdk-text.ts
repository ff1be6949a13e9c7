/** A VMDK descriptor alone: text that names other files as its extents, which no upload can bring. Always refused. */
import { CAPTURE_BYTES_MAX } from '../capture.ts'
import type { ImageFormat } from '../image-format.ts'
import { descriptorText, descriptorViolation, namesCreateType } from './vmdk-descriptor.ts'

const HEAD = { at: 0, length: 512 }
/** With which a descriptor begins. */
const TITLE = '# disk descriptorfile'

export const vmdkText: ImageFormat = {
  name: 'vmdk',
  head: HEAD,
  matches: (head) => isText(head),
  *inspect(head) {
    const rest =
      head.length < HEAD.length ? [] : [yield { at: HEAD.length, length: CAPTURE_BYTES_MAX - HEAD.length }]
    const text = descriptorText(Buffer.concat([head, ...rest]))
    if (!namesCreateType(text) && !text.toLowerCase().startsWith(TITLE)) return null
    const reason = 'it is a descriptor alone, whose data is in other files'
    return { virtualSizeOf: () => null, violations: [descriptorViolation(reason)] }
  },
}

/** ASCII that can be printed, and white space. */
function isText(head: Buffer): boolean {
  return (
    head.length > 0 && head.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d))
  )
}
