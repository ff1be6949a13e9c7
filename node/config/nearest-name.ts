/** Finds what an operator probably meant by a misspelt name. */

/** Further away than this share of the name's length, a suggestion confuses more than it helps. */
const DISTANCE_SHARE_MAX = 0.4

/** The candidate with the smallest edit distance to `name`, or null when none is near. */
export function nearestName(name: string, candidates: Iterable<string>): string | null {
  const wanted = name.toLowerCase()
  let nearest: string | null = null
  let best = Math.max(1, Math.floor(wanted.length * DISTANCE_SHARE_MAX)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < best) [nearest, best] = [candidate, distance]
  }
  return nearest
}

/** ` (did you mean NAME?)`, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const nearest = nearestName(name, candidates)
  return nearest === null ? '' : ` (did you mean ${nearest}?)`
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
