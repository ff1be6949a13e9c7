/** Opens the policy as the configuration has it. */
import { type PolicyRules, buildRules } from '../../api/auth/policy/policy-rules.ts'
import { parsePolicyText, readPolicyFiles } from '../../api/auth/policy/policy-files.ts'
import { PolicyWatch, type PolicyWatchComponents } from '../../api/auth/policy/policy-watch.ts'
import type { SeracConfig } from '../config/options.ts'

/** Throws PolicyError, with everything that is wrong with the files. */
export function openPolicy(components: PolicyWatchComponents, config: SeracConfig): Promise<PolicyWatch> {
  return PolicyWatch.open(components, optionsOf(config))
}

/** The rules that would count, for whoever only wants to look. Throws PolicyError. */
export async function loadRules(config: SeracConfig): Promise<PolicyRules> {
  const options = optionsOf(config)
  return buildRules(parsePolicyText(await readPolicyFiles(options.paths)), options)
}

function optionsOf({ osloPolicy }: SeracConfig) {
  return {
    paths: { file: osloPolicy.policyFile, directories: osloPolicy.policyDirs },
    enforceScope: osloPolicy.enforceScope,
    enforceNewDefaults: osloPolicy.enforceNewDefaults,
    extra: [],
  }
}
