/** All rules together: Glance's defaults, and what policy files say instead. Checked as a whole before it counts. */
import { GLANCE_POLICIES } from './glance-policies.ts'
import { type Check, rulesIn } from './policy-check.ts'
import { parseRule } from './policy-language.ts'

/** A rule as a file has it. */
export interface WrittenRule {
  name: string
  /** Text, or lists of lists. */
  rule: unknown
  /** The file. */
  origin: string
}

/** A rule that counts. */
export interface PolicyRule {
  name: string
  /** As it was written. */
  text: string
  /** null: Glance's default. */
  origin: string | null
}

export interface PolicyRules {
  checks: ReadonlyMap<string, Check>
  /** In Glance's order; then those that only the files have. */
  rules: readonly PolicyRule[]
  /** Rules of the files that nothing asks for, most likely misspelt. */
  unused: readonly WrittenRule[]
}

/** Thrown when rules cannot be used; the message has a line for each that is wrong. */
export class PolicyError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'PolicyError'
  }
}

/**
 * `extra`: names that something beside Glance's API asks for. Throws PolicyError: no rule of a file counts as long as one of
 * them cannot be read, names a rule that does not exist, or leads back to itself.
 */
export function buildRules(
  written: readonly WrittenRule[],
  { enforceNewDefaults, extra = [] }: { enforceNewDefaults: boolean; extra?: readonly string[] },
): PolicyRules {
  const problems: string[] = []
  const checks = new Map<string, Check>()
  const rules = new Map<string, PolicyRule>()
  for (const [name, { rule, legacyRule }] of Object.entries(GLANCE_POLICIES)) {
    const text = enforceNewDefaults || legacyRule === null ? rule : orElse(rule, legacyRule)
    checks.set(name, parseRule(text))
    rules.set(name, { name, text, origin: null })
  }
  // Files come in order; what a later one says counts.
  for (const { name, rule, origin } of written) {
    try {
      checks.set(name, parseRule(rule))
      rules.set(name, { name, text: typeof rule === 'string' ? rule : JSON.stringify(rule), origin })
    } catch (error) {
      problems.push(`${origin}: ${name}: ${(error as Error).message}`)
    }
  }
  problems.push(...referenceProblems(checks, rules, extra))
  if (problems.length > 0) throw new PolicyError(problems)
  return { checks, rules: [...rules.values()], unused: unusedAmong(written, checks, extra) }
}

function orElse(rule: string, legacyRule: string): string {
  return rule === '' || rule === legacyRule ? rule : `(${rule}) or ${legacyRule}`
}

function referenceProblems(
  checks: ReadonlyMap<string, Check>,
  rules: ReadonlyMap<string, PolicyRule>,
  extra: readonly string[],
): string[] {
  const where = (name: string) => `${rules.get(name)?.origin ?? 'the defaults'}: ${name}`
  const problems = extra
    .filter((name) => !checks.has(name))
    .map((name) => `there is no rule ${name}, which the property protections ask for`)
  for (const [name, check] of checks)
    for (const other of rulesIn(check))
      if (!checks.has(other)) problems.push(`${where(name)}: there is no rule ${other}`)
  for (const name of checks.keys())
    if (leadsTo(name, name, checks)) problems.push(`${where(name)}: it leads back to itself`)
  return problems
}

function leadsTo(
  from: string,
  wanted: string,
  checks: ReadonlyMap<string, Check>,
  seen = new Set<string>(),
): boolean {
  for (const next of rulesIn(checks.get(from) ?? { kind: 'constant', holds: false })) {
    if (next === wanted) return true
    if (seen.has(next)) continue
    seen.add(next)
    if (leadsTo(next, wanted, checks, seen)) return true
  }
  return false
}

function unusedAmong(
  written: readonly WrittenRule[],
  checks: ReadonlyMap<string, Check>,
  extra: readonly string[],
): WrittenRule[] {
  const asked = new Set([...Object.keys(GLANCE_POLICIES), ...extra, ...[...checks.values()].flatMap(rulesIn)])
  return written.filter(({ name }) => !asked.has(name))
}
