/** Counts what goes over connections, as the sockets themselves count it: nothing is added to the path of the bytes. */
import type { Socket } from 'node:net'

export class Traffic {
  readonly #open = new Set<Socket>()
  /** Of connections that are closed. */
  #receivedBytes = 0
  #sentBytes = 0

  watch(socket: Socket): void {
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#receivedBytes += socket.bytesRead
      this.#sentBytes += socket.bytesWritten
    })
  }

  get connections(): number {
    return this.#open.size
  }

  /** Those of open connections included, so that a transfer of hours shows while it runs. */
  get receivedBytes(): number {
    return [...this.#open].reduce((sum, { bytesRead }) => sum + bytesRead, this.#receivedBytes)
  }

  get sentBytes(): number {
    return [...this.#open].reduce((sum, { bytesWritten }) => sum + bytesWritten, this.#sentBytes)
  }
}
