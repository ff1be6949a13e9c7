/** Which files make up the configuration, and their assignments. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseIni } from './ini.ts'
import type { Settings } from './settings.ts'

export interface ConfigPaths {
  /** Read in this order; later ones win. */
  files: readonly string[]
  /** Their `*.conf`, sorted by name, are read after all files, as oslo does. */
  directories: readonly string[]
}

/** What `serac` reads when it is told nothing; where they do not exist, the defaults and the environment must do. */
const STANDARD: ConfigPaths = { files: ['/etc/serac/serac.conf'], directories: ['/etc/serac/serac.conf.d'] }
const FILE_ENDING = '.conf'

/** Adds what the files say to `settings` and returns the paths of those that were read. */
export async function readConfigFiles(given: ConfigPaths, settings: Settings): Promise<string[]> {
  const isStandard = given.files.length === 0 && given.directories.length === 0
  const { files, directories } = isStandard ? STANDARD : given
  const found: string[] = []
  const all = [...files]
  for (const directory of directories) all.push(...(await listDirectory(directory, isStandard, settings)))
  for (const file of all) {
    const text = await attempt(() => readFile(file, 'utf8'), file, isStandard, settings)
    if (text === null) continue
    found.push(file)
    addFile(file, text, settings)
  }
  return found
}

async function listDirectory(directory: string, mayBeAbsent: boolean, settings: Settings): Promise<string[]> {
  const names = await attempt(() => readdir(directory), directory, mayBeAbsent, settings)
  // A glob does not see hidden files, and oslo uses one.
  const wanted = (names ?? []).filter((name) => name.endsWith(FILE_ENDING) && !name.startsWith('.'))
  return wanted.sort().map((name) => join(directory, name))
}

async function attempt<T>(
  read: () => Promise<T>,
  path: string,
  mayBeAbsent: boolean,
  settings: Settings,
): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!(mayBeAbsent && code === 'ENOENT')) settings.refuse(path, `cannot be read: ${message}`)
    return null
  }
}

function addFile(file: string, text: string, settings: Settings): void {
  const { assignments, sections, problems } = parseIni(text)
  for (const { line, message } of problems) settings.refuse(`${file}:${line}`, message)
  const unknown = new Set(
    sections
      .filter(({ name, line }) => !settings.checkSection(name, `${file}:${line}`))
      .map(({ name }) => name),
  )
  for (const { section, key, value, line } of assignments) {
    // One word about a section that does not exist is enough.
    if (!unknown.has(section)) settings.add(section, key, { text: value, origin: `${file}:${line}` })
  }
}
