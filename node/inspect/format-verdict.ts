/**
 * What follows from what was found in an image, by the rules of current Glance: whether it is what it was declared to be,
 * whether it is safe, and how large the disk inside is.
 */
import { isInspectable } from './image-formats.ts'
import type { Finding, FormatRules } from './image-format.ts'

export type Verdict =
  | { isRefused: true; reason: string }
  /** `note`: what an operator may want to know. */
  | { isRefused: false; virtualSizeOf: Finding['virtualSizeOf']; note: string | null }

const RAW: Finding = { format: 'raw', virtualSizeOf: (sizeBytes) => sizeBytes, violations: [] }
const UNKNOWN_SIZE = () => null

export function judge(diskFormat: string, findings: readonly Finding[], rules: FormatRules): Verdict {
  const found = oneOf(findings)
  if (found === null) {
    const names = findings.map(({ format }) => format).join(', ')
    return mismatch(`Several formats were found in the data: ${names}`, rules)
  }
  if (!isAcceptable(diskFormat, found.format)) {
    return mismatch(
      `Image disk_format ${diskFormat} does not match the data, which is ${found.format}`,
      rules,
    )
  }
  const fatal = fatalViolations(found, rules)
  if (fatal.length > 0) {
    const reasons = fatal.map(({ check, reason }) => `${check} (${reason})`).join(', ')
    return { isRefused: true, reason: `Image failed safety checks: ${reasons}` }
  }
  return { isRefused: false, virtualSizeOf: virtualSize(diskFormat, found), note: noteOn(diskFormat, found) }
}

/** What bootable ISOs have is both, and they count as ISO. Else two formats may hide one behind the other: null. */
function oneOf(findings: readonly Finding[]): Finding | null {
  if (findings.length === 2 && findings.some(({ format }) => format === 'gpt'))
    return findings.find(({ format }) => format === 'iso') ?? null
  return findings.length > 1 ? null : (findings[0] ?? RAW)
}

/** Anything may be declared raw, and unknown bytes what cannot be inspected: a kernel, say. */
function isAcceptable(diskFormat: string, found: string): boolean {
  return found === diskFormat || diskFormat === 'raw' || (found === 'raw' && !isInspectable(diskFormat))
}

function fatalViolations({ format, violations }: Finding, { gptSafetyChecksNonfatal }: FormatRules) {
  return violations.filter(({ check }) => format !== 'gpt' || !gptSafetyChecksNonfatal.includes(check))
}

/** Nobody will look into what was declared raw. */
function virtualSize(diskFormat: string, found: Finding): Finding['virtualSizeOf'] {
  if (diskFormat === 'raw') return RAW.virtualSizeOf
  return found.format === diskFormat ? found.virtualSizeOf : UNKNOWN_SIZE
}

/** What was declared raw, and is not. Most raw disks have partitions. */
function noteOn(diskFormat: string, { format }: Finding): string | null {
  if (format === diskFormat || format === 'raw' || format === 'gpt') return null
  return `Image disk_format ${diskFormat} was declared for data which is ${format}`
}

function mismatch(reason: string, { requireImageFormatMatch }: FormatRules): Verdict {
  if (requireImageFormatMatch) return { isRefused: true, reason }
  return { isRefused: false, virtualSizeOf: UNKNOWN_SIZE, note: reason }
}
