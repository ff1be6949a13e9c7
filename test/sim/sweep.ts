/** Many seeds, on all cores. */
import { fork, type ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Violation } from './checks/violation.ts'
import { addCounts, type Counts } from './statistics.ts'
import type { SweepOrder, SweepResult } from './sweep-child.ts'

export interface FailedSeed {
  seed: number
  violations: Violation[]
}

export interface SweepOutcome {
  counts: Counts
  /** By seed. */
  failures: FailedSeed[]
}

export interface SweepOptions {
  from: number
  seeds: number
}

const CHILD = fileURLToPath(new URL('sweep-child.ts', import.meta.url))
/** Seeds per order: small enough that all cores end at about the same time. */
const SEEDS_PER_ORDER = 10
/** After so many failing seeds the rest is not worth the time. */
const FAILURES_MAX = 10

/** Runs `seeds` seeds from `from` on; `onFailure` is called for each failing one as soon as it is known. */
export async function sweep(
  { from, seeds }: SweepOptions,
  onFailure: (failure: FailedSeed) => void,
): Promise<SweepOutcome> {
  const outcome: SweepOutcome = { counts: {}, failures: [] }
  const end = from + seeds
  let next = from
  await employAll({
    next() {
      if (next >= end || outcome.failures.length >= FAILURES_MAX) return null
      const order = { from: next, count: Math.min(SEEDS_PER_ORDER, end - next), mutant: null }
      next += order.count
      return order
    },
    note({ counts, failures }) {
      addCounts(outcome.counts, counts)
      outcome.failures.push(...failures)
      failures.forEach(onFailure)
    },
  })
  outcome.failures.sort((a, b) => a.seed - b.seed)
  return outcome
}

export interface MutantOutcome {
  mutant: string
  /** Null: it was not caught. */
  caught: { seed: number; violation: Violation } | null
}

/** Runs each bug until a seed shows it, at the most `seeds` of them. `onOutcome` is called for each as it ends. */
export async function catchMutants(
  names: readonly string[],
  { from, seeds }: SweepOptions,
  onOutcome: (outcome: MutantOutcome) => void,
): Promise<void> {
  const left = [...names]
  await employAll({
    next() {
      const mutant = left.shift()
      return mutant === undefined ? null : { from, count: seeds, mutant }
    },
    note({ mutant, failures }) {
      const [first] = failures
      const [violation] = first?.violations ?? []
      const caught = first && violation ? { seed: first.seed, violation } : null
      onOutcome({ mutant: mutant ?? '', caught })
    },
  })
}

interface Work {
  /** The next order, or null: there is nothing left to do. */
  next(): SweepOrder | null
  note(result: SweepResult): void
}

async function employAll(work: Work): Promise<void> {
  const children = Array.from({ length: availableParallelism() }, () => fork(CHILD))
  await Promise.all(children.map((child) => employ(child, work)))
}

/** Gives a child one order after the other. Rejects when it dies. */
function employ(child: ChildProcess, work: Work): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveNext = () => {
      const order = work.next()
      if (order) return void child.send(order)
      child.removeAllListeners('exit')
      child.disconnect()
      resolve()
    }
    child.on('message', (result: SweepResult) => {
      work.note(result)
      giveNext()
    })
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`a process of the sweep ended with code ${code}`)))
    giveNext()
  })
}
