/** How to run the node that was built together with this file, in dist/. */
import { fileURLToPath } from 'node:url'

export function builtNodeCommand(): string[] {
  return [process.execPath, fileURLToPath(new URL('../../bin/serac.cjs', import.meta.url))]
}
