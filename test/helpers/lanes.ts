/** Many rounds of the same thing in bearable time: a few at once, each in itself without a pause. */

/** More would measure only how long requests queue. */
const LANES = 6

/** Runs `round(0)` … `round(rounds - 1)`; rejects with the first failure. */
export async function inLanes(rounds: number, round: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < rounds) await round(next++)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}
