/** Who may use the operator port, as the configuration has it. */
import type { SeracConfig } from './options.ts'
import { isLoopback } from './validate.ts'

export interface OperatorRules {
  /** Whoever connects is an operator: on loopback without a token, and where the operator of the node says so. */
  isOpen: boolean
  token: string | null
  /** Whether an administrator of Keystone is an operator. */
  takesKeystone: boolean
}

export function operatorRules({ default: api, operator }: SeracConfig): OperatorRules {
  const { token, bindHost } = operator
  return {
    isOpen: token === null && (isLoopback(bindHost) || api.insecureAllowRemote),
    token,
    takesKeystone: api.authStrategy === 'keystone',
  }
}
