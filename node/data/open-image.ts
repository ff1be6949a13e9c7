/** An image's bytes, ready to be read in any part. */

/** A run of verified bytes; give it back when they have left for the socket. */
export interface ByteLease {
  bytes: Uint8Array
  release(): void
}

/** An image whose manifest is at hand. */
export interface OpenImage {
  sizeBytes: number
  /**
   * The bytes `start` to `end` (inclusive), in order. Throws CHUNK_UNAVAILABLE in mid-stream when no holder can deliver,
   * or the signal's reason. Whoever stops early calls `return()` (as `for await` does) or aborts.
   */
  read(start: number, end: number, signal: AbortSignal): AsyncIterable<ByteLease>
}

/** An image that the cluster keeps. */
export interface KeptImage extends OpenImage {
  /** The same bytes out of another place, each chunk checked before it is given out. Throws UNAVAILABLE for other bytes. */
  readFrom(other: OpenImage, start: number, end: number, signal: AbortSignal): AsyncIterable<ByteLease>
}
