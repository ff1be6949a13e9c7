/** Listens to notifications as other services of OpenStack do. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { waitFor } from '../../../deploy/dev/wait-for.ts'
import { PROJECT_ROOT } from '../../helpers/test-program.ts'

export interface Notification {
  event: string
  priority: 'INFO' | 'ERROR'
  publisher: string
  payload: Record<string, unknown> | string
  metadata: { message_id: string; timestamp: string }
}

export class Listener {
  readonly #all: Notification[] = []

  /** Resolves when it listens; ended with `t`. `settings`: of oslo_messaging_rabbit. */
  static async start(t: Test, url: string, settings: readonly string[] = []): Promise<Listener> {
    const script = join(PROJECT_ROOT, 'test/compat/notifications/listener.py')
    const child = spawn('/usr/bin/python3', [script, url, ...settings], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.teardown(async () => {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
    })
    const listener = new Listener()
    let errors = ''
    child.stderr.on('data', (piece: Buffer) => (errors += piece.toString()))
    createInterface({ input: child.stdout }).on('line', (line) =>
      listener.#all.push(JSON.parse(line) as Notification),
    )
    if (!(await waitFor(async () => errors.includes('listening'), { limitMs: 60_000 })))
      throw new Error(`no listener: ${errors}`)
    return listener
  }

  /** What `publisher` has told, each once: whoever sends again what was not confirmed sends the same. */
  from(publisher: string): Notification[] {
    const seen = new Set<string>()
    return this.#all.filter(({ publisher: by, metadata: { message_id: id } }) => {
      if (by !== publisher || seen.has(id)) return false
      seen.add(id)
      return true
    })
  }
}
