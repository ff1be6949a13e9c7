/** An operator port for tests of the command line: answers by `METHOD path`, and what it was asked. */
import type { Test } from 'tap'
import { runCli } from '../../../node/cli.ts'
import { bodyOf, localServer } from '../../helpers/local-server.ts'

interface Said {
  [field: string]: unknown
}
type Answer = Said | null | ((body: unknown) => Said | null)

export async function operatorServer(t: Test, answers: Record<string, Answer>) {
  const asked: string[] = []
  const url = await localServer(t, async (request, { pathname, search }) => {
    const call = `${request.method} ${pathname}${search}`
    const body = (await bodyOf(request)).toString()
    asked.push(call)
    const known = answers[call] ?? answers[`${request.method} ${pathname}`]
    if (known === undefined)
      return { status: 404, body: JSON.stringify({ error: { status: 404, message: 'not here' } }) }
    const sent: unknown = body === '' ? null : JSON.parse(body)
    const answer = typeof known === 'function' ? known(sent) : known
    const status = (answer?.['error'] as { status: number } | undefined)?.status ?? 200
    return answer === null ? { status: 204 } : { status, body: JSON.stringify(answer) }
  })
  const run = async (...args: string[]) => {
    const said = { out: '', err: '' }
    const exitCode = await runCli([...args, '--url', url], {
      environment: {},
      print: (text) => void (said.out += text),
      complain: (text) => void (said.err += text),
      ask: async () => null,
      isTerminal: false,
    })
    return { exitCode, ...said }
  }
  return { asked, run, url }
}
