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

/** Where exported images lie: what is said of each as JSON, and its bytes. Where the JSON is, the bytes are whole. */
export interface ImagePlace extends ImageSource {
  /** Throws an Error when nothing can be written there. */
  prepare(): Promise<void>
  /** Null when it is not there. Throws an Error when it cannot be read. */
  read(id: string): Promise<MovedImage | null>
  /** Whether the bytes of an image are there with their size. */
  hasBytes(image: MovedImage): Promise<boolean>
  /** Durable when it resolves. What `body` throws leaves nothing behind. */
  writeBytes(image: MovedImage, body: AsyncIterable<Uint8Array>): Promise<void>
  writeRecord(image: MovedImage): Promise<void>
  close(): Promise<void>
}

/** Thrown while the bytes of one image are opened: no further try will bring them. */
export class BytesMissingError extends Error {}
