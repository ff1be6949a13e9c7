/**
 * The text in which a VMDK says where its extents are. QEMU opens the files that it names, so whatever is not understood
 * here is refused.
 */
import type { FormatRules, Violation } from '../image-format.ts'

/** Of one line, kept in messages and logs; a name of a type is shorter. */
const TYPE_LENGTH_MAX = 32
const CREATE_TYPE = 'createtype="'
const PARENT = 'parentfilenamehint'
const EXTENT = /^(rw|rdonly|noaccess) /
const FIELD = /^[^ =]+=/

/** Why an image with this descriptor is refused, or null. Upper and lower case are the same in it. */
export function descriptorProblem(
  descriptor: string,
  rules: Pick<FormatRules, 'vmdkAllowedTypes'>,
): string | null {
  const text = descriptor.toLowerCase()
  const types = createTypes(text)
  if (types.length === 0) return 'its descriptor names no create type'
  const allowed = new Set(rules.vmdkAllowedTypes.map((type) => type.toLowerCase()))
  // Also when there are several: QEMU and others may not look at the same one.
  const strange = types.find((type) => !allowed.has(type))
  if (strange !== undefined) return `the create type '${strange}' is not allowed`
  // A backing file. In a comment, too: QEMU finds it there.
  if (text.includes(PARENT)) return 'it has a parent image'
  const lines = text.split('\n').map((line) => line.trim())
  if (!lines.every(isKnown)) return 'its descriptor has a line that is not understood'
  const extents = lines.filter((line) => EXTENT.test(line))
  if (extents.length === 0) return 'its descriptor names no extent'
  return extents.some((line) => line.includes('/')) ? 'its descriptor names a path' : null
}

/** Up to the padding. */
export function descriptorText(bytes: Buffer): string {
  const endAt = bytes.indexOf(0)
  return bytes.toString('latin1', 0, endAt < 0 ? bytes.length : endAt)
}

export function namesCreateType(descriptor: string): boolean {
  return createTypes(descriptor.toLowerCase()).length > 0
}

/** As a violation, under the name that oslo.utils gives to all of it. */
export function descriptorViolation(reason: string): Violation {
  return { check: 'descriptor', reason }
}

function createTypes(text: string): string[] {
  return text
    .split(CREATE_TYPE)
    .slice(1)
    .map((rest) => rest.slice(0, TYPE_LENGTH_MAX).split('"')[0]!)
}

function isKnown(line: string): boolean {
  return (
    line === '' || line.startsWith('#') || line.startsWith('ddb') || FIELD.test(line) || EXTENT.test(line)
  )
}
