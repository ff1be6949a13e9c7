/** Keeps the rules in step with their files. A file that is wrong changes nothing, and the log says so. */
import type { Clock, Log } from '../../../cluster/runtime.ts'
import { sleep, stopController } from '../../../cluster/runtime.ts'
import {
  markOf,
  parsePolicyText,
  type PolicyPaths,
  type PolicyText,
  readPolicyFiles,
} from './policy-files.ts'
import { buildRules, PolicyError, type PolicyRules } from './policy-rules.ts'
import { Policy, type PolicyOptions } from './policy.ts'
import {
  parsePropertyProtections,
  type PropertyProtections,
  type ProtectionFormat,
} from './property-protections.ts'

export interface PolicyWatchComponents {
  clock: Clock
  log: Log
}

export interface PolicyWatchOptions extends PolicyOptions {
  paths: PolicyPaths
  protectionFormat: ProtectionFormat
}

/** What the files say together: the protections may name rules of the policy. */
export interface WholePolicy {
  rules: PolicyRules
  protections: PropertyProtections | null
}

/** How long a changed file goes unnoticed. */
export const WATCH_PAUSE_MS = 2000

export class PolicyWatch {
  readonly policy: Policy
  readonly #components: PolicyWatchComponents
  readonly #options: PolicyWatchOptions
  readonly #stopping = stopController()
  #mark: string
  /** What was wrong with the files when they were looked at last. */
  #problems: string | null = null
  #watching: Promise<void> | null = null

  private constructor(
    components: PolicyWatchComponents,
    options: PolicyWatchOptions,
    { rules, protections, mark }: WholePolicy & { mark: string },
  ) {
    this.#components = components
    this.#options = options
    this.#mark = mark
    this.policy = new Policy(rules, options, protections)
  }

  /** Reads the files. Throws PolicyError: a node does not start with rules that nobody meant. */
  static async open(components: PolicyWatchComponents, options: PolicyWatchOptions): Promise<PolicyWatch> {
    const text = await readPolicyFiles(options.paths)
    const whole = parseWholePolicy(text, options)
    for (const { name, origin } of whole.rules.unused)
      components.log.warn(
        { rule: name, file: origin },
        'nothing asks for a rule of the policy; is its name right?',
      )
    return new PolicyWatch(components, options, { ...whole, mark: text.mark })
  }

  start(): void {
    this.#watching = this.#watch()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#watching
  }

  /** Takes over what changed in the files since they were read last. Never throws. */
  async look(): Promise<void> {
    const { log } = this.#components
    try {
      if ((await markOf(this.#options.paths)) === this.#mark) return
      const text = await readPolicyFiles(this.#options.paths)
      this.#requireMainFile(text)
      const { rules, protections } = parseWholePolicy(text, this.#options)
      this.policy.use(rules, protections)
      this.#mark = text.mark
      this.#problems = null
      log.info({ files: text.files.map(({ path }) => path) }, 'the policy was read again')
    } catch (error) {
      const problems = (error as Error).message
      // Once told is enough.
      if (problems === this.#problems) return
      this.#problems = problems
      log.error(
        { problems },
        'the policy files have changed and are wrong: the rules from before still count',
      )
    }
  }

  /** A file that is gone is more likely half replaced than meant to be; Glance's defaults are for the next start. */
  #requireMainFile({ files }: PolicyText): void {
    const { file } = this.#options.paths
    if (this.#mark.startsWith(`${file} `) && files[0]?.path !== file)
      throw new PolicyError([`${file}: the file is gone`])
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping
    const isOver = () => signal.aborted
    while (!isOver()) {
      await sleep(this.#components.clock, WATCH_PAUSE_MS, signal).catch(() => {})
      if (!isOver()) await this.look()
    }
  }
}

/** Throws PolicyError. */
export function parseWholePolicy(
  text: PolicyText,
  { paths, protectionFormat, enforceNewDefaults }: PolicyWatchOptions,
): WholePolicy {
  const protections =
    text.protections === null
      ? null
      : parsePropertyProtections(text.protections, {
          format: protectionFormat,
          origin: paths.protections ?? '',
        })
  const extra = protections?.rules ?? []
  return { rules: buildRules(parsePolicyText(text), { enforceNewDefaults, extra }), protections }
}
