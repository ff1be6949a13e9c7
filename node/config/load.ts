/** Reads the configuration: files in order, then directories, then the environment over all of them. */
import { backendSections, resolveBackend, type EnabledBackend } from './backend-options.ts'
import { ConfigError } from './config-error.ts'
import { type ConfigPaths, readConfigFiles } from './config-files.ts'
import { type Environment, readEnvironment } from './environment.ts'
import { OPTIONS, type SeracConfig } from './options.ts'
import { resolve } from './resolve.ts'
import { Settings } from './settings.ts'
import { validate } from './validate.ts'

export interface LoadedConfig {
  config: SeracConfig
  /** The files it was read from, in their order. */
  files: string[]
}

/** Throws ConfigError, with everything that is wrong. */
export async function loadConfig(paths: ConfigPaths, environment: Environment): Promise<LoadedConfig> {
  const sections = backendSections(await enabledBackends(paths, environment))
  const table = {
    ...Object.fromEntries(sections.map((section) => [section.id.toLowerCase(), section])),
    ...OPTIONS,
  }
  const settings = new Settings(table)
  const files = await readConfigFiles(paths, settings)
  await readEnvironment(environment, table, settings)
  const backends = sections.map((section) => resolveBackend(section, settings))
  const config = { ...resolve(OPTIONS, settings), backends }
  // Rules between options make sense only between values that are valid by themselves.
  if (settings.problems.length === 0) validate(config, settings)
  if (settings.problems.length > 0) throw new ConfigError(settings.problems)
  return { config, files }
}

/** Read ahead, for which sections there may be follows from it; what is wrong is said when all is read. */
async function enabledBackends(paths: ConfigPaths, environment: Environment): Promise<EnabledBackend[]> {
  const settings = new Settings(OPTIONS)
  await readConfigFiles(paths, settings)
  await readEnvironment(environment, OPTIONS, settings)
  const { enabledBackends: enabled } = resolve(OPTIONS, settings).default
  return settings.problems.length > 0 && !Array.isArray(enabled) ? [] : enabled
}
