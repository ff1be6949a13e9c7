/** New image ids: random UUIDs (version 4), lower case. */
import type { Random } from '../../cluster/runtime.ts'

const UUID_BYTES = 16

/** Tries for an id that suits: one in as many as there are voters does, and seven voters are the most. */
const TRIES_MAX = 32

/** `suits`: tells which ids are worth more than others; one that does not comes only where none can be had. */
export function newImageId(random: Random, suits: (id: string) => boolean = () => true): string {
  let id = randomUuid(random)
  for (let tries = 1; tries < TRIES_MAX && !suits(id); tries++) id = randomUuid(random)
  return id
}

function randomUuid(random: Random): string {
  const bytes = random.bytes(UUID_BYTES)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
