/** What the event loop and its hash workers say to each other. Chunks stay in shared memory: only their place is sent. */

import type { HashAlgorithm } from './hash-algorithms.ts'

/** A checksum of a whole image, fed strictly in order by one worker. */
export type ChecksumName = HashAlgorithm

export interface ChunkPlace {
  memory: ArrayBufferLike
  offsetBytes: number
  lengthBytes: number
}

export type HashRequest =
  | { kind: 'open'; session: number; checksum: ChecksumName }
  /** `name`: answer also with the chunk's own name. */
  | { kind: 'update'; task: number; session: number; place: ChunkPlace; name: boolean }
  | { kind: 'finish'; task: number; session: number }
  | { kind: 'drop'; session: number }
  | { kind: 'name'; task: number; place: ChunkPlace }

/** null = all zeros: such a chunk is not stored and needs no name. */
export type ChunkName = string | null

/** One per task, except that an update that was asked for the name sends `named` first. */
export type HashReply =
  { kind: 'named'; task: number; name: ChunkName } | { kind: 'done'; task: number; digest: string }
