/** `serac config …`. */
import { SAMPLE_BACKENDS } from '../config/backend-options.ts'
import type { ConfigPaths } from '../config/config-files.ts'
import { loadConfig } from '../config/load.ts'
import { OPTIONS } from '../config/options.ts'
import { sampleConfig } from '../config/sample.ts'
import type { CliIo } from './cli-io.ts'

export function printSample(io: CliIo): void {
  io.print(sampleConfig(OPTIONS, SAMPLE_BACKENDS))
}

/** Throws ConfigError, whose message lists everything that is wrong. */
export async function checkConfig(paths: ConfigPaths, io: CliIo): Promise<void> {
  const { files } = await loadConfig(paths, io.environment)
  const where = files.length === 0 ? 'the environment and the defaults' : files.join(', ')
  io.print(`The configuration is valid (${where}).\n`)
}
