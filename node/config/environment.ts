/**
 * Options from the environment: `OS_<SECTION>__<OPTION>`, as oslo.config names them, and `OS_<SECTION>__<OPTION>_FILE` for
 * a file that holds the value, as container secrets come. They replace what the files say.
 */
import { readFile } from 'node:fs/promises'
import { didYouMean } from './nearest-name.ts'
import type { Option, OptionTable } from './option.ts'
import type { Settings } from './settings.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** `OS_AUTH_URL` and its like belong to clients; only ours have two underscores in a row. */
const OURS = /^OS_[A-Z0-9]+(?:_[A-Z0-9]+)*__/
const FILE_SUFFIX = '_FILE'

interface Place {
  section: string
  name: string
  option: Option<unknown>
}

/** Adds what `environment` says to `settings`; unknown names and unreadable files become problems. */
export async function readEnvironment(
  environment: Environment,
  table: OptionTable,
  settings: Settings,
): Promise<void> {
  const places = variables(table)
  for (const variable of Object.keys(environment).filter((key) => OURS.test(key))) {
    const place = places.get(variable)
    if (place !== undefined) apply(settings, place, variable, environment[variable] ?? '')
    else await readFileVariable(environment, variable, places, settings)
  }
}

/** An exact name wins, so `…__KEY_FILE` stays the option key_file. */
async function readFileVariable(
  environment: Environment,
  variable: string,
  places: ReadonlyMap<string, Place>,
  settings: Settings,
): Promise<void> {
  const direct = variable.endsWith(FILE_SUFFIX) ? variable.slice(0, -FILE_SUFFIX.length) : ''
  const place = places.get(direct)
  if (place === undefined) {
    return settings.refuse(variable, `there is no such option${didYouMean(variable, places.keys())}`)
  }
  if (environment[direct] !== undefined)
    return settings.refuse(variable, `${direct} is set as well; keep one of them`)
  try {
    // Editors and `echo` end files with a line feed that nobody means.
    apply(settings, place, variable, (await readFile(environment[variable] ?? '', 'utf8')).trimEnd())
  } catch (error) {
    settings.refuse(variable, `cannot read the file it names: ${(error as Error).message}`)
  }
}

/** One variable holds all values of a multi option, in lines or between commas. */
function apply(settings: Settings, { section, name, option }: Place, origin: string, text: string): void {
  const texts = option.isMulti ? text.split(/[\n,]/).map((part) => part.trim()) : [text]
  const values = texts
    .filter((part) => !option.isMulti || part !== '')
    .map((part) => ({ text: part, origin }))
  settings.replace(section, name, values)
}

function variables(table: OptionTable): Map<string, Place> {
  const places = new Map<string, Place>()
  for (const [section, { options }] of Object.entries(table)) {
    for (const [name, option] of Object.entries(options)) {
      places.set(`OS_${section}__${name}`.toUpperCase(), { section, name, option })
    }
  }
  return places
}
