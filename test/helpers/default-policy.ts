/** The policy of a node without policy files. */
import { buildRules } from '../../api/auth/policy/policy-rules.ts'
import { Policy } from '../../api/auth/policy/policy.ts'

const options = { enforceNewDefaults: true, enforceScope: true }

export const defaultPolicy = new Policy(buildRules([], options), options)
