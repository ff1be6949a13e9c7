/** Images and the bytes of them all. */
export interface ImageSum {
  images: number
  bytes: number
}

export function noImages(): ImageSum {
  return { images: 0, bytes: 0 }
}

export function addImage(sum: ImageSum, sizeBytes: number): void {
  sum.images++
  sum.bytes += sizeBytes
}
