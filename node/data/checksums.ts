/** The checksums of one upload, computed in one pass beside its storing: md5 and the multihash, and each chunk's name. */
import type { ChunkBuffer } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkName } from './hash-messages.ts'
import { placeOf, type HashSession } from './hash-thread.ts'

export interface ImageDigests {
  /** Hex. */
  md5: string
  /** Hex, by the algorithm that was asked for: sha512 for uploads. */
  multihash: string
}

export interface HashedChunk {
  /** The chunk's name, as soon as it is known; null = all zeros. */
  named: Promise<ChunkName>
  /** Settles when no worker reads the chunk's memory any more. */
  done: Promise<void>
}

export interface ChecksumSessions {
  md5: HashSession
  multihash: HashSession
}

export class ImageChecksums {
  readonly #sessions: ChecksumSessions
  readonly #onClose: () => void

  /** `onClose` gives the upload's turn back. */
  constructor(sessions: ChecksumSessions, onClose: () => void) {
    this.#sessions = sessions
    this.#onClose = onClose
  }

  /** Adds the next chunk, in the order of the calls. The buffer must stay as it is until `done` has settled. */
  update(buffer: ChunkBuffer): HashedChunk {
    const place = placeOf(buffer)
    let onNamed: (name: ChunkName) => void = () => {}
    const name = new Promise<ChunkName>((resolve) => (onNamed = resolve))
    const first = this.#sessions.md5.update(place, onNamed)
    const second = this.#sessions.multihash.update(place)
    return {
      // A worker that dies says so through its update alone.
      named: Promise.race([name, first.then(() => name)]),
      done: bothSettled(first, second),
    }
  }

  async finish(): Promise<ImageDigests> {
    const { md5, multihash } = this.#sessions
    const [first, second] = await Promise.all([md5.finish(), multihash.finish()])
    return { md5: first, multihash: second }
  }

  /** Frees the workers, finished or not. */
  close(): void {
    this.#sessions.md5.close()
    this.#sessions.multihash.close()
    this.#onClose()
  }
}

/** Unlike Promise.all it waits for the other one also when one fails: that one still reads the memory. */
async function bothSettled(first: Promise<void>, second: Promise<void>): Promise<void> {
  await Promise.allSettled([first, second])
  await Promise.all([first, second])
}
