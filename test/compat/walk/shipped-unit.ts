/**
 * deploy/systemd/serac.service without systemd: its command and what it promises to the node. What only a service manager
 * can build (namespaces, system call filters, the user, more files than here) does not hold for the process that is started.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SERAC } from '../../helpers/probe-cluster.ts'
import { PROJECT_ROOT } from '../../helpers/test-program.ts'

const UNIT = join(PROJECT_ROOT, 'deploy/systemd/serac.service')
const US_PER_SECOND = 1e6
/** Where the unit has them, and where they are here. */
const INSTALLED = new Map([
  ['/usr/bin/node', process.execPath],
  ['/opt/serac/dist/bin/serac.cjs', SERAC],
])

export class ShippedUnit {
  readonly #settings: ReadonlyMap<string, readonly string[]>

  private constructor(settings: ReadonlyMap<string, readonly string[]>) {
    this.#settings = settings
  }

  static async read(): Promise<ShippedUnit> {
    const settings = new Map<string, string[]>()
    for (const line of (await readFile(UNIT, 'utf8')).split('\n')) {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? []
      if (name !== undefined) settings.set(name, [...(settings.get(name) ?? []), value!])
    }
    return new ShippedUnit(settings)
  }

  /** The only value of a setting. */
  get(name: string): string {
    const values = this.#settings.get(name) ?? []
    if (values.length !== 1) throw new Error(`${UNIT} has ${values.length} lines ${name}=`)
    return values[0]!
  }

  /** ExecStart up to the configuration file, which is each node's own. */
  get command(): string[] {
    const words = this.get('ExecStart').split(' ')
    const [tail, program] = [words.slice(-3), words.slice(0, -3)]
    if (tail.join(' ') !== 'start --config-file /etc/serac/serac.conf')
      throw new Error(`what ExecStart runs is not known here: ${words.join(' ')}`)
    return program.map((word) => INSTALLED.get(word) ?? word)
  }

  /** What goes before the command of a node that reports to `notifySocket`: it becomes the node in the end. */
  wrapper(notifySocket: string): string[] {
    if (this.get('Type') !== 'notify' || this.get('NotifyAccess') !== 'all')
      throw new Error('this unit is told otherwise how the node is')
    const watchdogUs = Number(this.get('WatchdogSec')) * US_PER_SECOND
    return [
      ...['env', '-u', 'NODE_OPTIONS', `NOTIFY_SOCKET=${notifySocket}`, `WATCHDOG_USEC=${watchdogUs}`],
      ...['prlimit', `--core=${this.get('LimitCORE')}`],
      ...(this.get('NoNewPrivileges') === 'yes' ? ['setpriv', '--no-new-privs'] : []),
      ...(this.get('CapabilityBoundingSet') === '' ? ['--bounding-set=-all', '--inh-caps=-all'] : []),
      ...['sh', '-c', `umask ${this.get('UMask')}; exec "$@"`, 'serac'],
    ]
  }
}
