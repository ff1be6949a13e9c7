/**
 * Who may create, read, update and delete which custom properties, as Glance's property protection file says it: sections
 * are patterns, the first that is found in the name of a property counts, and what none is found in is closed to everybody.
 */
import { parseIni, type IniAssignment } from '../../../node/config/ini.ts'
import { PROPERTY_ACTIONS, type PropertyAction } from '../../../node/images/image-policy.ts'
import { PolicyError } from './policy-rules.ts'
import { pythonPattern } from './python-pattern.ts'

/** What the values of the file are: roles between commas, or one rule of the policy each. */
export type ProtectionFormat = 'roles' | 'policies'

/** What one action on a property asks for. */
export type Permission =
  | { kind: 'constant'; holds: boolean }
  /** Any of them; lower-case. */
  | { kind: 'roles'; roles: ReadonlySet<string> }
  | { kind: 'policy'; rule: string }

type Permissions = Readonly<Record<PropertyAction, Permission>>

interface ProtectedSection {
  pattern: RegExp
  permissions: Permissions
}

const ALL: Permission = { kind: 'constant', holds: true }
const NOBODY: Permission = { kind: 'constant', holds: false }
/** Glance's own marks, which no caller can set anyhow. */
const OWN_PREFIX = 'os_glance'
/** Names whose section is remembered; clients make up names, so that there is a bound. */
const NAMES_REMEMBERED_MAX = 10_000

export class PropertyProtections {
  readonly #sections: readonly ProtectedSection[]
  #known = new Map<string, ProtectedSection | null>()

  constructor(sections: readonly ProtectedSection[]) {
    this.#sections = sections
  }

  get size(): number {
    return this.#sections.length
  }

  /** The rules of the policy that sections name. */
  get rules(): string[] {
    const permissions = this.#sections.flatMap((section) => Object.values(section.permissions))
    return permissions.flatMap((permission) => (permission.kind === 'policy' ? [permission.rule] : []))
  }

  permission(action: PropertyAction, name: string): Permission {
    if (name.startsWith(OWN_PREFIX)) return ALL
    return this.#sectionOf(name)?.permissions[action] ?? NOBODY
  }

  #sectionOf(name: string): ProtectedSection | null {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const section = this.#sections.find(({ pattern }) => pattern.test(name)) ?? null
    if (this.#known.size >= NAMES_REMEMBERED_MAX) this.#known = new Map()
    this.#known.set(name, section)
    return section
  }
}

/** Throws PolicyError, with a line for everything that is wrong. */
export function parsePropertyProtections(
  text: string,
  { format, origin }: { format: ProtectionFormat; origin: string },
): PropertyProtections {
  const { assignments, sections, problems } = parseIni(text)
  const complaints = problems.map(({ line, message }) => ({ line, message }))
  const complain = (line: number, message: string) => void complaints.push({ line, message })
  const seen = new Set<string>()
  const isRepeated = (name: string) => seen.has(name) || !seen.add(name)
  const found = sections.flatMap(({ name, line }): ProtectedSection[] => {
    if (isRepeated(name)) complain(line, `there is a section [${name}] already`)
    // As in Python's INI files, it has values for all the others and is none itself.
    if (name === 'DEFAULT' || name.startsWith(OWN_PREFIX)) return []
    const own = assignments.filter(({ section }) => section === name || section === 'DEFAULT')
    const pattern = tried(() => pythonPattern(name), line, complain)
    const permissions = permissionsOf({ name, line, own, format }, complain)
    return pattern ? [{ pattern, permissions }] : []
  })
  if (complaints.length === 0) return new PropertyProtections(found)
  const lines = complaints.toSorted((a, b) => a.line - b.line)
  throw new PolicyError([...new Set(lines.map(({ line, message }) => `${origin}:${line}: ${message}`))])
}

type Complain = (line: number, message: string) => void

function permissionsOf(
  { name, line, own, format }: { name: string; line: number; own: IniAssignment[]; format: ProtectionFormat },
  complain: Complain,
): Permissions {
  for (const { key, line: where } of own)
    if (!PROPERTY_ACTIONS.some((action) => action === key.toLowerCase()))
      complain(where, `"${key}" is none of ${PROPERTY_ACTIONS.join(', ')}`)
  const permissionOf = (action: PropertyAction): Permission => {
    const written = own.filter(({ key }) => key.toLowerCase() === action)
    // The section's own goes before what all have.
    const value = written.findLast(({ section }) => section === name) ?? written.at(-1)
    if (!value) complain(line, `[${name}] does not say who may ${action}`)
    return (value && tried(() => parsePermission(value.value, format), value.line, complain)) ?? NOBODY
  }
  return {
    create: permissionOf('create'),
    read: permissionOf('read'),
    update: permissionOf('update'),
    delete: permissionOf('delete'),
  }
}

/** Throws an Error with a sentence. No text is nobody, as in Glance. */
function parsePermission(text: string, format: ProtectionFormat): Permission {
  const words = text.split(',').map((word) => word.trim())
  const isAll = words.includes('@')
  const isNobody = words.includes('!')
  if (isAll && isNobody) throw new Error('"@" is everybody and "!" is nobody: it cannot be both')
  if (isNobody || text.trim() === '') return NOBODY
  if (format === 'policies' && words.length > 1)
    throw new Error('one rule is named for each action; combine rules in the policy file')
  if (isAll) return ALL
  if (format === 'policies') return { kind: 'policy', rule: words[0] ?? '' }
  return { kind: 'roles', roles: new Set(words.map((role) => role.toLowerCase())) }
}

function tried<T>(make: () => T, line: number, complain: Complain): T | null {
  try {
    return make()
  } catch (error) {
    complain(line, (error as Error).message)
    return null
  }
}
