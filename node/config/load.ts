/** Reads the configuration: files in order, then directories, then the environment over all of them. */
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
  const settings = new Settings(OPTIONS)
  const files = await readConfigFiles(paths, settings)
  await readEnvironment(environment, OPTIONS, settings)
  const config = resolve(OPTIONS, settings)
  // Rules between options make sense only between values that are valid by themselves.
  if (settings.problems.length === 0) validate(config, settings)
  if (settings.problems.length > 0) throw new ConfigError(settings.problems)
  return { config, files }
}
