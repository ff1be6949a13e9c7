/** A disk that hangs when the test says so. */
import { ClusterError } from '../../cluster/errors.ts'
import type { DiskHangs } from '../../cluster/transfer/impatient-chunks.ts'

export class HangingDisk implements DiskHangs {
  #writing = new AbortController()
  #reading = new AbortController()

  writing(): AbortSignal {
    return this.#writing.signal
  }

  reading(): AbortSignal {
    return this.#reading.signal
  }

  hangInWriting(): void {
    this.#writing.abort(new ClusterError('STORE_NOT_WRITABLE', 'no write ends'))
  }

  hangInReading(): void {
    this.#reading.abort(new ClusterError('CHUNK_UNAVAILABLE', 'no read ends'))
  }

  goOn(): void {
    this.#writing = new AbortController()
    this.#reading = new AbortController()
  }
}
