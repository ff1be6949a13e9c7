/** Text of seven bits: one byte in UTF-8 for each character, and in the same order. */

/** The first code, and the first byte, that is none of it. */
export const ASCII_END = 0x80

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= ASCII_END) return false
  return true
}
