/** Where two normal answers differ, and which of the differences are wanted. */
import { ABSENT } from './absent.ts'
import type { NormalAnswer } from './normal-form.ts'
import { WANTED, type WantedDifference } from './wanted.ts'

export interface Difference {
  /** Name of the case. */
  in: string
  /** METHOD and path as the case has them. */
  request: string
  /** `status`, `headers.NAME` or `body.MEMBER...`; an answer of another status differs in nothing else. */
  field: string
  glance: unknown
  serac: unknown
}

type Place = Pick<Difference, 'in' | 'request'>

export function differencesOf(place: Place, glance: NormalAnswer, serac: NormalAnswer): Difference[] {
  if (glance.status !== serac.status)
    return [{ ...place, field: 'status', glance: glance.status, serac: serac.status }]
  const found: Difference[] = []
  compare('headers', glance.headers, serac.headers)
  compare('body', glance.body, serac.body)
  return found

  function compare(field: string, left: unknown, right: unknown): void {
    if (!isContainer(left) || !isContainer(right) || Array.isArray(left) !== Array.isArray(right)) {
      if (left !== right) found.push({ ...place, field, glance: left, serac: right })
      return
    }
    for (const name of new Set([...Object.keys(left), ...Object.keys(right)]))
      compare(`${field}.${name}`, memberOf(left, name), memberOf(right, name))
  }
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function memberOf(value: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : ABSENT
}

/** Sorts differences into wanted ones, counted by row of the table, and unexplained ones. */
export class Judge {
  readonly #rows: readonly WantedDifference[]
  readonly #counts: Map<WantedDifference, number>

  /** `own` rows must each explain something, by the end; those of WANTED may help a run that is not the one they are for. */
  constructor(own: readonly WantedDifference[] = WANTED) {
    this.#rows = [...new Set([...own, ...WANTED])]
    this.#counts = new Map(own.map((row) => [row, 0]))
  }

  /** What of `differences` no row explains. */
  unexplained(differences: readonly Difference[]): Difference[] {
    return differences.filter((difference) => {
      const row = this.#rows.find((row) => explains(row, difference))
      if (row) this.#counts.set(row, (this.#counts.get(row) ?? 0) + 1)
      return row === undefined
    })
  }

  /** Rows that explained nothing: what they tell of is not so any more. */
  stale(): WantedDifference[] {
    return this.#rows.filter((row) => this.#counts.get(row) === 0)
  }

  /** How many differences each reason has explained. */
  byReason(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const [{ because }, count] of this.#counts) counts.set(because, (counts.get(because) ?? 0) + count)
    return counts
  }
}

function explains(row: WantedDifference, difference: Difference): boolean {
  return (
    matches(row.in ?? '*', difference.in) &&
    matches(row.request ?? '*', difference.request) &&
    matches(row.field, difference.field) &&
    (row.glance === undefined || same(row.glance, difference.glance)) &&
    (row.serac === undefined || same(row.serac, difference.serac))
  )
}

/** `*` in a pattern stands for any text. */
function matches(pattern: string, text: string): boolean {
  const source = pattern.split('*').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`))
  return new RegExp(`^${source.join('.*')}$`, 's').test(text)
}

function same(wanted: unknown, found: unknown): boolean {
  return JSON.stringify(wanted) === JSON.stringify(found)
}
