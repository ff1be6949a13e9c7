/** What came in a message is a window on all of that message: kept, it would keep the message. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength <= 2 * bytes.length ? bytes : new Uint8Array(bytes)
}
