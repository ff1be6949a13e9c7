/** Bytes may be a window on a message, or on a pool of buffers: kept, they would keep all of that. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength <= 2 * bytes.length ? bytes : new Uint8Array(bytes)
}
