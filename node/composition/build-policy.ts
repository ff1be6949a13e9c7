/** Opens the policy as the configuration has it. */
import { readPolicyFiles } from '../../api/auth/policy/policy-files.ts'
import {
  parseWholePolicy,
  PolicyWatch,
  type PolicyWatchComponents,
  type PolicyWatchOptions,
  type WholePolicy,
} from '../../api/auth/policy/policy-watch.ts'
import type { SeracConfig } from '../config/options.ts'

/** Throws PolicyError, with everything that is wrong with the files. */
export function openPolicy(components: PolicyWatchComponents, config: SeracConfig): Promise<PolicyWatch> {
  return PolicyWatch.open(components, optionsOf(config))
}

/** What would count, for whoever only wants to look. Throws PolicyError. */
export async function loadPolicy(config: SeracConfig): Promise<WholePolicy> {
  const options = optionsOf(config)
  return parseWholePolicy(await readPolicyFiles(options.paths), options)
}

function optionsOf({ osloPolicy, default: api }: SeracConfig): PolicyWatchOptions {
  return {
    paths: {
      file: osloPolicy.policyFile,
      directories: osloPolicy.policyDirs,
      protections: api.propertyProtectionFile,
    },
    protectionFormat: api.propertyProtectionRuleFormat,
    enforceScope: osloPolicy.enforceScope,
    enforceNewDefaults: osloPolicy.enforceNewDefaults,
  }
}
