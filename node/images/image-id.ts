/** New image ids: random UUIDs (version 4), lower case. */
import type { Random } from '../../cluster/runtime.ts'

const UUID_BYTES = 16

export function newImageId(random: Random): string {
  const bytes = random.bytes(UUID_BYTES)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
