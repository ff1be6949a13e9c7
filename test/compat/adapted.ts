/** Files of deploy/ with the addresses of a test in place of their own. */
import { readFile } from 'node:fs/promises'

/** Throws when the file has nothing that is to be replaced: then it is no longer the shipped one that is tested. */
export async function adapted(
  path: string,
  replacements: readonly (readonly [shipped: string, here: string])[],
): Promise<string> {
  let text = await readFile(path, 'utf8')
  for (const [shipped, here] of replacements) {
    if (!text.includes(shipped)) throw new Error(`${path} has no '${shipped}'`)
    text = text.replaceAll(shipped, here)
  }
  return text
}
