/** The formats that are looked for. */
import { gpt } from './formats/gpt.ts'
import { iso } from './formats/iso.ts'
import { luks } from './formats/luks.ts'
import { qcow2 } from './formats/qcow2.ts'
import { qed } from './formats/qed.ts'
import { vdi } from './formats/vdi.ts'
import { vhd } from './formats/vhd.ts'
import { vhdx } from './formats/vhdx.ts'
import { vmdkSparse } from './formats/vmdk-sparse.ts'
import { vmdkText } from './formats/vmdk-text.ts'
import type { ImageFormat } from './image-format.ts'

export const IMAGE_FORMATS: readonly ImageFormat[] = [
  qcow2,
  vmdkSparse,
  vmdkText,
  vhd,
  vhdx,
  vdi,
  iso,
  gpt,
  luks,
  qed,
]

const NAMES = new Set(['raw', ...IMAGE_FORMATS.map(({ name }) => name)])

/** Whether the bytes of an image can show that it is of this format. No signature is that of `raw`, all of theirs not of `ami`. */
export function isInspectable(diskFormat: string): boolean {
  return NAMES.has(diskFormat)
}
