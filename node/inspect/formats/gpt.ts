/** A disk with a partition table, MBR or GPT: raw bytes with a shape. As in Glance, only the MBR is looked at. */
import { headOnly, type Violation } from '../image-format.ts'

const HEAD = { at: 0, length: 512 }
const ENTRIES_AT = 446
const ENTRY_BYTES = 16
const ENTRIES = 4
const SIGNATURE = 0xaa55
/** Type of the entry with which a GPT protects itself. */
const GPT_TYPE = 0xee
/** And where that entry begins: cylinder, head and sector, and the same as a block. */
const GPT_START_CHS = [0x00, 0x02, 0x00]
const GPT_START_BLOCK = 1

export const gpt = headOnly(
  {
    name: 'gpt',
    head: HEAD,
    matches: (head) => head.length === HEAD.length && head.readUInt16LE(510) === SIGNATURE && !isFat(head),
  },
  (head) => {
    const problem = problemOf(head)
    const violations: Violation[] = problem === null ? [] : [{ check: 'mbr', reason: problem }]
    return { virtualSizeOf: (sizeBytes) => sizeBytes, violations }
  },
)

/** The boot sector of a FAT filesystem on a fixed disk ends in the same way: two tables, and the medium. */
function isFat(head: Buffer): boolean {
  return head[0x10] === 2 && head[0x15] === 0xf8
}

function problemOf(head: Buffer): string | null {
  const entries = Array.from({ length: ENTRIES }, (_, index) => {
    const at = ENTRIES_AT + index * ENTRY_BYTES
    return head.subarray(at, at + ENTRY_BYTES)
  })
  if (entries.some(([boot]) => boot !== 0x00 && boot !== 0x80))
    return 'a partition in the MBR has an invalid boot flag'
  const used = entries.filter((entry) => entry[4] !== 0)
  if (used.length === 0) return 'the MBR has no partitions'
  const protective = used.filter((entry) => entry[4] === GPT_TYPE)
  if (protective.length === 0) return null
  if (!protective.every(isWholeDisk)) return 'the MBR of the GPT begins at the wrong place'
  return used.length > 1 || used[0] !== entries[0] ? 'the MBR of the GPT has partitions of its own' : null
}

function isWholeDisk(entry: Buffer): boolean {
  return (
    GPT_START_CHS.every((byte, at) => entry[1 + at] === byte) && entry.readUInt32LE(8) === GPT_START_BLOCK
  )
}
