/** Reads of image data that tell, when they are over, how much of what was wanted was read. */
import type { ImageBytes } from './image-requests.ts'

type Read = ImageBytes['read']

/** `onOver` is called once for each read, also for one that fails or that nobody goes on with. */
export function countedRead(read: Read, onOver: (readBytes: number, wantedBytes: number) => void): Read {
  return async function* (start, end, signal) {
    let readBytes = 0
    try {
      for await (const lease of read(start, end, signal)) {
        const { length } = lease.bytes
        yield lease
        readBytes += length
      }
    } finally {
      onOver(readBytes, end - start + 1)
    }
  }
}
