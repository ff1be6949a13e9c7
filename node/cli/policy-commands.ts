/** `serac policy …`: what the policy files say, without a node. */
import { loadPolicy } from '../composition/build-policy.ts'
import type { ConfigPaths } from '../config/config-files.ts'
import { loadConfig } from '../config/load.ts'
import { didYouMean } from '../config/nearest-name.ts'
import { wordWrap } from '../config/word-wrap.ts'
import type { CliIo } from './cli-io.ts'

/** So that a rule, indented, fits a terminal of 80 columns. */
const RULE_COLUMNS = 76

/** Every rule that counts, and the file that it comes from. Throws ConfigError or PolicyError. */
export async function listPolicy(paths: ConfigPaths, format: 'text' | 'json', io: CliIo): Promise<void> {
  const { config } = await loadConfig(paths, io.environment)
  const { rules } = (await loadPolicy(config)).rules
  if (format === 'json') {
    const entries = rules.map(({ name, text, origin }) => ({ name, rule: text, file: origin }))
    return io.print(`${JSON.stringify(entries, null, 2)}\n`)
  }
  for (const { name, text, origin } of rules) {
    io.print(`${name}${origin === null ? '' : ` (${origin})`}\n`)
    for (const line of wordWrap(text || '@', RULE_COLUMNS)) io.print(`    ${line}\n`)
  }
}

/** Throws ConfigError or PolicyError, whose message lists everything that is wrong. */
export async function checkPolicy(paths: ConfigPaths, io: CliIo): Promise<void> {
  const { config } = await loadConfig(paths, io.environment)
  const { rules: all, protections } = await loadPolicy(config)
  const { rules, unused } = all
  const known = rules.map(({ name }) => name).filter((name) => unused.every((rule) => rule.name !== name))
  for (const { name, origin } of unused)
    io.complain(`${origin}: nothing asks for the rule ${name}${didYouMean(name, known)}\n`)
  const overridden = rules.filter(({ origin }) => origin !== null).length
  const { policyFile } = config.osloPolicy
  io.print(
    overridden === 0
      ? `The policy is the default; there is no rule in ${policyFile} or beside it.\n`
      : `The policy is valid: ${overridden} of ${rules.length} rules come from files.\n`,
  )
  if (protections) {
    const { propertyProtectionFile, propertyProtectionRuleFormat } = config.default
    const count = `${protections.size} section${protections.size === 1 ? '' : 's'}`
    io.print(
      `The property protections are valid: ${count} of ${propertyProtectionRuleFormat}, in ${propertyProtectionFile}.\n`,
    )
  }
}
