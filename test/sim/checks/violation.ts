/** Something that must not happen, and did. */
export interface Violation {
  kind: 'history' | 'invariant' | 'convergence' | 'crash'
  message: string
}
