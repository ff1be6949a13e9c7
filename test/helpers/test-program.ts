/** Where the project lies and how to run a program of the tests: they run as TypeScript and, for speed, compiled in dist/. */
import { existsSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'

/** The directory of package.json. */
export const PROJECT_ROOT = nearestPackage(import.meta.dirname)

const EXTENSION = extname(import.meta.filename)

/** Arguments for node that run `name`, without its extension, from `directory`: as this test runs, compiled or through tsx. */
export function testProgram(directory: string, name: string): string[] {
  return [...(EXTENSION === '.ts' ? ['--import=tsx'] : []), join(directory, `${name}${EXTENSION}`)]
}

function nearestPackage(directory: string): string {
  return existsSync(join(directory, 'package.json')) ? directory : nearestPackage(dirname(directory))
}
