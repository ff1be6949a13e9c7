/** The refusal of a configuration, with everything that is wrong about it. */
import { SeracError } from '../../cluster/errors.ts'

/** One thing that is wrong, in words an operator can act on. */
export interface ConfigProblem {
  /** `FILE:LINE`, or the environment variable; null when nothing was written at all. */
  origin: string | null
  message: string
}

/** Thrown when a configuration cannot be used. It names all problems at once: nobody likes to fix them one per start. */
export class ConfigError extends SeracError {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super('BAD_CONFIG', problems.map(formatProblem).join('\n'), { problems })
    this.name = 'ConfigError'
    this.problems = problems
  }
}

function formatProblem({ origin, message }: ConfigProblem): string {
  return origin === null ? message : `${origin}: ${message}`
}
