/** The JSON of an exported image, and what its files are called. */
import type { MovedImage } from '../../images/moved-image.ts'
import { parseMovedImage } from '../../images/moved-image-form.ts'

/** It grows with every change that older releases cannot read. */
const FORMAT = 1
const RECORD = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.json$/

export function recordName(id: string): string {
  return `${id}.json`
}

export function bytesName(id: string): string {
  return `${id}.img`
}

/** Null: no record is called so. */
export function idOfRecord(name: string): string | null {
  return RECORD.exec(name)?.[1] ?? null
}

export function recordText(image: MovedImage): Buffer {
  return Buffer.from(`${JSON.stringify({ format: FORMAT, image }, null, 2)}\n`)
}

/** Throws an Error for what is no record, or that of another image. */
export function parseRecord(id: string, text: string): MovedImage {
  const { format, image } = JSON.parse(text) as { format?: unknown; image?: unknown }
  if (format !== FORMAT) throw new Error(`it has format ${String(format)}, this release reads ${FORMAT}`)
  const parsed = parseMovedImage(image)
  if (parsed.id !== id) throw new Error('it is of an image with another id')
  return parsed
}
