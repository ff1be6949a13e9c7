/** What is said of bodies that are larger, or of another size, than they may be. */
import { ImageError } from '../errors.ts'

export function tooLarge(sizeBytesMax: number): ImageError {
  return new ImageError('TOO_LARGE', `the image is larger than the ${sizeBytesMax} bytes allowed`, {
    sizeBytesMax,
  })
}

export function notDeclaredSize(declaredSizeBytes: number, receivedBytes: number): ImageError {
  return new ImageError('INVALID', 'the data has another size than declared', {
    declaredSizeBytes,
    receivedBytes,
  })
}
