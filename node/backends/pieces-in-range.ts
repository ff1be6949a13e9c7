import type { ObjectRange } from './backend.ts'

/**
 * What of the pieces, the first of which begins at byte `at`, lies in a range; no more is asked for than that takes. Returns the
 * byte up to which it has seen: at most `end` when the pieces ended too early.
 */
export async function* piecesInRange(
  pieces: AsyncIterable<Uint8Array>,
  { start, end }: ObjectRange,
  at = 0,
): AsyncGenerator<Uint8Array, number> {
  for await (const piece of pieces) {
    const wanted = piece.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at))
    at += piece.length
    if (wanted.length > 0) yield wanted
    if (at > end) break
  }
  return at
}
