import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLog } from '../../../../cluster/runtime.ts'
import { waitFor } from '../../../../deploy/dev/wait-for.ts'
import { NO_SERVICE_MANAGER, serviceManagerOf } from '../../../../node/cli/service/service-manager.ts'
import { type LogEntry, recordingLog } from '../../../helpers/api-server.ts'

/** No assertion: a message that never comes ends the test. */
const LIMIT = { limitMs: 20_000 }

/** A stand-in for systemd-notify, which writes down its arguments and the variable that names its socket. */
async function fakeSystemd(t: Test) {
  const directory = t.testdir()
  const program = join(directory, 'systemd-notify')
  const heard = join(directory, 'heard')
  await writeFile(
    program,
    `#!/bin/sh\nprintf '%s\\n' "$NOTIFY_SOCKET $# $1 [$OS_DEFAULT__SECRET]" >> '${heard}'\n`,
  )
  await chmod(program, 0o755)
  const lines = async () => (await readFile(heard, 'utf8').catch(() => '')).split('\n').slice(0, -1)
  const environment = {
    PATH: `${directory}:${process.env['PATH']}`,
    NOTIFY_SOCKET: '/run/notify',
    OS_DEFAULT__SECRET: 'pw',
  }
  return { directory, environment, program, lines }
}

t.test('messages arrive one by one, in order and as they are', async (t) => {
  const { environment, lines } = await fakeSystemd(t)
  const manager = serviceManagerOf(environment, silentLog)
  manager.tell(`STATUS=two words, "$HOME" 'and' \\n`)
  manager.tell('STATUS=a\nb')
  manager.tell('READY=1')
  await waitFor(async () => (await lines()).length === 3, LIMIT)
  t.strictSame(await lines(), [
    `/run/notify 1 STATUS=two words, "$HOME" 'and' \\n []`,
    '/run/notify 1 STATUS=a b []',
    '/run/notify 1 READY=1 []',
  ])
})

t.test('without the program that is said once, and the node goes on', async (t) => {
  const { environment, program } = await fakeSystemd(t)
  await rm(program)
  const entries: LogEntry[] = []
  const manager = serviceManagerOf({ ...environment, PATH: '/nowhere' }, recordingLog(entries))
  manager.tell('READY=1')
  await waitFor(async () => entries.length > 0, LIMIT)
  manager.tell('WATCHDOG=1')
  t.match(entries, [{ level: 'warn', message: /no program systemd-notify/ }])
  t.equal(entries.length, 1)
})

t.test('who is asked for nothing says nothing', async (t) => {
  t.equal(serviceManagerOf({ WATCHDOG_USEC: '1' }, silentLog), NO_SERVICE_MANAGER)
})

t.test('the watchdog of systemd counts for the process that it means', async (t) => {
  const watchdogMs = (variables: Record<string, string>) =>
    serviceManagerOf({ NOTIFY_SOCKET: '/run/notify', ...variables }, silentLog).watchdogMs
  t.equal(watchdogMs({}), null)
  t.equal(watchdogMs({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: String(process.pid) }), 60_000)
  t.equal(watchdogMs({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1' }), null)
})
