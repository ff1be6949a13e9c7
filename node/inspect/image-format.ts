/** What one disk format is, to whoever inspects images: how it is recognised, and what its headers say. */
import type { Wanted } from './capture.ts'

/** What an operator allows (`[image_format]`). */
export interface FormatRules {
  /** Refuse what is not of the format that it was declared to be. */
  requireImageFormatMatch: boolean
  /** VMDK create types that may be uploaded. */
  vmdkAllowedTypes: readonly string[]
  /** Checks that an image with a partition table may fail. */
  gptSafetyChecksNonfatal: readonly string[]
}

/** A safety check that an image fails. */
export interface Violation {
  /** As oslo.utils names it, where it has it: operators know these from their logs. */
  check: string
  /** Completes "…, because". */
  reason: string
}

/** What was found in an image of a format. */
export interface Finding {
  /** As `disk_format` names it. */
  format: string
  /** Bytes of the disk inside an image of `sizeBytes`; null when its headers do not tell. */
  virtualSizeOf: (sizeBytes: number) => number | null
  violations: Violation[]
}

/** Asks for parts of the image, one behind the other, and gets each when it has passed: shorter, or empty, at its end. */
export type Inspection<T> = Generator<Wanted, T, Buffer>

export interface ImageFormat {
  readonly name: string
  /** Where its signature is. */
  readonly head: { readonly at: number; readonly length: number }
  /** Whether an image with this head is of the format. The head may be short, or empty. */
  matches(head: Buffer): boolean
  /** Looks closer. null: it is not of the format after all. Throws StructureError. */
  inspect(head: Buffer, rules: FormatRules): Inspection<Omit<Finding, 'format'> | null>
}

/** Thrown when an image has the signature of a format, and is none that could be read. */
export class StructureError extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'StructureError'
  }
}

/** A part of the image that must be there as a whole. Throws StructureError. */
export function* whole(at: number, length: number): Inspection<Buffer> {
  const bytes = yield { at, length }
  requireLength(bytes, length)
  return bytes
}

export function requireLength(bytes: Buffer, length: number): void {
  if (bytes.length < length) throw new StructureError('the image ends within its headers')
}

/** A format whose head says all. Throws StructureError when `parse` gets less than `head.length`. */
export function headOnly(
  parts: Pick<ImageFormat, 'name' | 'head' | 'matches'>,
  parse: (head: Buffer) => Omit<Finding, 'format'>,
): ImageFormat {
  return {
    ...parts,
    // oxlint-disable-next-line require-yield -- it has seen all it needs
    *inspect(head) {
      requireLength(head, parts.head.length)
      return parse(head)
    },
  }
}

/** A size as headers have it. null: more than a number can say (8 PiB), and so no size that could be meant. */
export function sizeOrNull(bytes: bigint): number | null {
  return bytes <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bytes) : null
}
