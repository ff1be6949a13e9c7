/** QEMU's abandoned format. It may have a backing file, and nobody runs it: always refused, as in Glance. */
import { headOnly } from '../image-format.ts'

const MAGIC = Buffer.from('QED\0', 'latin1')

export const qed = headOnly(
  { name: 'qed', head: { at: 0, length: MAGIC.length }, matches: (head) => head.equals(MAGIC) },
  () => ({
    virtualSizeOf: () => null,
    violations: [{ check: 'banned', reason: 'this format is not allowed' }],
  }),
)
