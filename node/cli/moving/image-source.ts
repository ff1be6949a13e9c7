/** Where images are moved from: another image service, its database and files, or a directory of an export. */
import type { MovedImage } from '../../images/moved-image.ts'

export interface LeftOut {
  id: string
  name: string | null
  why: string
  /** Whether somebody should do something about it; else it is nothing that could be moved. */
  isLoss: boolean
}

export interface SourceList {
  images: MovedImage[]
  leftOut: LeftOut[]
}

/** Throws Errors that say what is wrong with it and what to do. It is never written to. */
export interface ImageSource {
  /** As it may stand in a report: without credentials. */
  readonly name: string
  list(): Promise<SourceList>
  /** The bytes of an image that has some. What is wrong may be thrown while they are read. */
  open(image: MovedImage, signal: AbortSignal): AsyncIterable<Uint8Array>
}

/** Thrown while the bytes of one image are opened: no further try will bring them. */
export class BytesMissingError extends Error {}
