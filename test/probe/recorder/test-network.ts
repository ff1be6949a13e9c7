/**
 * A network of its own for every node: a namespace each, joined by a bridge, so that links between nodes can be cut while
 * this process still reaches all of them. Needs root, ip and iptables.
 */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { promisify } from 'node:util'
import type { NodePlace } from '../../../deploy/dev/dev-node.ts'

const run = promisify(execFile)

/** The last part of the bridge's address; the nodes' begin at 1. */
const BRIDGE_HOST = 254
/** Below it, and above all nodes. */
const SPARE_HOST = 200
/** Private networks to choose from: 10.200.0.0/24 to 10.250.0.0/24. */
const SUBNET_FIRST = 200
const SUBNET_LAST = 250
const LOSS_SHARE = 0.1

/** Ends a disturbance; never rejects on what is gone already. */
export type Undo = () => Promise<void>

export class TestNetwork {
  readonly #name: string
  readonly #subnet: string
  readonly #size: number

  private constructor(name: string, subnet: string, size: number) {
    this.#name = name
    this.#subnet = subnet
    this.#size = size
  }

  /** Why there can be no such network here; null when there can. */
  static unavailable(): string | null {
    if (process.getuid?.() !== 0) return 'not root'
    const missing = ['ip', 'iptables'].filter((tool) => !existsSync(`/usr/sbin/${tool}`))
    return missing.length > 0 ? `not installed: ${missing.join(', ')}` : null
  }

  /** Leaves nothing behind when it fails. */
  static async create(size: number): Promise<TestNetwork> {
    const network = new TestNetwork(`srec${process.pid}`, freeSubnet(), size)
    try {
      await network.#build()
    } catch (error) {
      network.remove()
      throw error
    }
    return network
  }

  place(index: number): NodePlace {
    return {
      host: this.#address(index),
      wrapper: ['nsenter', `--net=/var/run/netns/${this.#space(index)}`],
    }
  }

  /** `to` gets no packet of `from`. */
  cutOneWay(from: number, to: number): Promise<Undo> {
    return this.#addRule(to, ['-s', this.#address(from), '-j', 'DROP'])
  }

  /** Of the packets from `from` to `to` some are lost. */
  loseSome(from: number, to: number): Promise<Undo> {
    const chance = ['-m', 'statistic', '--mode', 'random', '--probability', String(LOSS_SHARE)]
    return this.#addRule(to, ['-s', this.#address(from), ...chance, '-j', 'DROP'])
  }

  /** A node's cable is pulled. */
  async unplug(index: number): Promise<Undo> {
    const set = (state: string) => run('ip', ['link', 'set', this.#outside(index), state])
    await set('down')
    return async () => void (await set('up'))
  }

  /** Where the network has room for an address of nobody's. */
  get spareAddress(): string {
    return `${this.#subnet}.${SPARE_HOST}`
  }

  /** Works also on what was only half built, and while the process exits. */
  remove(): void {
    for (let index = 0; index < this.#size; index++) {
      // The kernel takes its time with what is in a namespace that was removed.
      tryRun('ip', ['link', 'del', this.#outside(index)])
      tryRun('ip', ['netns', 'del', this.#space(index)])
    }
    tryRun('ip', ['link', 'del', this.#bridge])
  }

  async #build(): Promise<void> {
    await run('ip', ['link', 'add', this.#bridge, 'type', 'bridge'])
    await run('ip', ['addr', 'add', `${this.#subnet}.${BRIDGE_HOST}/24`, 'dev', this.#bridge])
    await run('ip', ['link', 'set', this.#bridge, 'up'])
    for (let index = 0; index < this.#size; index++) await this.#join(index)
  }

  async #join(index: number): Promise<void> {
    const space = this.#space(index)
    const outside = this.#outside(index)
    await run('ip', ['netns', 'add', space])
    await run('ip', ['link', 'add', outside, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space])
    await run('ip', ['link', 'set', outside, 'master', this.#bridge, 'up'])
    await run('ip', ['-n', space, 'addr', 'add', `${this.#address(index)}/24`, 'dev', 'eth0'])
    await run('ip', ['-n', space, 'link', 'set', 'eth0', 'up'])
    await run('ip', ['-n', space, 'link', 'set', 'lo', 'up'])
  }

  async #addRule(node: number, rule: readonly string[]): Promise<Undo> {
    const change = (verb: string) =>
      run('ip', ['netns', 'exec', this.#space(node), 'iptables', '-w', verb, 'INPUT', ...rule])
    await change('-A')
    return async () => void (await change('-D'))
  }

  get #bridge(): string {
    return `${this.#name}b`
  }

  /** The end of a node's cable at the bridge. */
  #outside(index: number): string {
    return `${this.#name}v${index}`
  }

  #space(index: number): string {
    return `${this.#name}n${index}`
  }

  #address(index: number): string {
    return `${this.#subnet}.${index + 1}`
  }
}

function freeSubnet(): string {
  const used = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? [])
  for (let third = SUBNET_FIRST; third <= SUBNET_LAST; third++) {
    const subnet = `10.${third}.0`
    if (!used.some((address) => address.startsWith(`${subnet}.`))) return subnet
  }
  throw new Error(`every network from 10.${SUBNET_FIRST}.0.0 to 10.${SUBNET_LAST}.0.0 is in use`)
}

function tryRun(program: string, args: readonly string[]): void {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
  } catch {
    // It was not there.
  }
}
