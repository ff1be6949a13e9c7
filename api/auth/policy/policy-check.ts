/** A rule of oslo.policy, taken apart: what it looks at, and whether it holds. */

/** Looks up an attribute of what is asked about, as text; null when there is none of that name. */
export type Attributes = (name: string) => string | null

/** Text with attributes of the target in it: `%(owner)s`. */
export type Template = readonly (string | { attribute: string })[]

export type Check =
  | { kind: 'constant'; holds: boolean }
  | { kind: 'not'; check: Check }
  | { kind: 'and' | 'or'; checks: readonly Check[] }
  | { kind: 'rule'; name: string }
  | { kind: 'role'; match: Template }
  /** `'public':%(visibility)s`. */
  | { kind: 'literal'; text: string; match: Template }
  /** `project_id:%(owner)s`; the path leads through nested credentials. */
  | { kind: 'credential'; path: readonly string[]; match: Template }

/** Who asks. Roles are lower-case. */
export interface Credentials {
  roles: readonly string[]
  readonly [name: string]: unknown
}

export interface Question {
  credentials: Credentials
  target: Attributes
  /** Every rule that a check names is there, and none leads back to itself: policy-rules.ts saw to it. */
  rules: ReadonlyMap<string, Check>
}

export const ALWAYS: Check = { kind: 'constant', holds: true }
export const NEVER: Check = { kind: 'constant', holds: false }

/** Stops at the first part that decides, so that an answer rests on no more of the target than it must. */
export function holds(check: Check, question: Question): boolean {
  switch (check.kind) {
    case 'constant':
      return check.holds
    case 'not':
      return !holds(check.check, question)
    case 'and':
      return check.checks.every((part) => holds(part, question))
    case 'or':
      return check.checks.some((part) => holds(part, question))
    case 'rule':
      return holds(question.rules.get(check.name) ?? NEVER, question)
    case 'role': {
      const role = fill(check.match, question.target)
      return role !== null && question.credentials.roles.includes(role.toLowerCase())
    }
    case 'literal':
      return fill(check.match, question.target) === check.text
    case 'credential': {
      const wanted = fill(check.match, question.target)
      return wanted !== null && isAmong(question.credentials, check.path, wanted)
    }
  }
}

/** The rules that a check names. */
export function rulesIn(check: Check): string[] {
  if (check.kind === 'rule') return [check.name]
  if (check.kind === 'not') return rulesIn(check.check)
  return check.kind === 'and' || check.kind === 'or' ? check.checks.flatMap(rulesIn) : []
}

/** null when the target lacks an attribute: nothing matches then. */
function fill(template: Template, target: Attributes): string | null {
  let text = ''
  for (const part of template) {
    const piece = typeof part === 'string' ? part : target(part.attribute)
    if (piece === null) return null
    text += piece
  }
  return text
}

/**
 * Whether a credential, or one of a list of them, is `wanted`. A credential that the caller lacks matches nothing: oslo
 * writes it as `None`, so that a caller without a project would own what has no owner.
 */
function isAmong(value: unknown, path: readonly string[], wanted: string): boolean {
  if (Array.isArray(value)) return value.some((item) => isAmong(item, path, wanted))
  const [name, ...rest] = path
  if (name === undefined) return value !== null && asPython(value) === wanted
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false
  return isAmong((value as Record<string, unknown>)[name], rest, wanted)
}

function asPython(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
