/** The release that runs: what package.json says. */
import { readFileSync } from 'node:fs'

/** Read from the nearest package.json, since the sources and `dist/` lie at different depths. */
function readVersion(): string {
  for (let url = new URL('.', import.meta.url); ; url = new URL('..', url)) {
    try {
      const { version } = JSON.parse(readFileSync(new URL('package.json', url), 'utf8')) as {
        version: string
      }
      return version
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || url.pathname === '/') throw error
    }
  }
}

export const SERAC_VERSION = readVersion()
