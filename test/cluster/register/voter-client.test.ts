import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import type { RpcOptions } from '../../../cluster/network/rpc-port.ts'
import type { EpochFence } from '../../../cluster/register/epoch-fence.ts'
import { VoterClient } from '../../../cluster/register/voter-client.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../../helpers/memory-register-storage.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { sleep } from '../../../cluster/runtime.ts'

const EPOCH = 1
const LIMIT_MS = 300

/** A client of one voter, whose requests take as long as the test says, or fail with RPC_TIMEOUT when that is too long. */
function client() {
  const clock = new ManualClock()
  const voter = { answersAfterMs: 0, stallsMs: 0 }
  const ask = async (_to: string, _protocol: string, _body: unknown, _epoch: number, options: RpcOptions) => {
    const { answersAfterMs, stallsMs } = voter
    const isInTime = answersAfterMs < options.timeoutMs
    await sleep(clock, isInTime ? answersAfterMs : options.timeoutMs + stallsMs)
    if (!isInTime) throw new ClusterError('RPC_TIMEOUT', 'no answer')
    return false
  }
  const storage = new MemoryRegisterStorage(new MemoryRegisterDisk('disk'))
  const voters = new VoterClient({ ask } as unknown as EpochFence, storage, clock)
  const isThere = () => voters.isThere(EPOCH, 'b', LIMIT_MS)
  const answerIn = async (ms: number) => {
    voter.answersAfterMs = ms
    const answered = voters.remove(EPOCH, 'b', 'key', { counter: 1, nonce: 'a'.repeat(16) })
    await clock.advance(ms)
    await answered
  }
  return { clock, voter, isThere, answerIn }
}

t.test('a voter that answers in time is there, one that does not is not', async (t) => {
  const { clock, voter, isThere } = client()
  for (const [answersAfterMs, expected] of [
    [LIMIT_MS - 1, true],
    [LIMIT_MS, false],
  ] as const) {
    voter.answersAfterMs = answersAfterMs
    const found = isThere()
    await clock.advance(LIMIT_MS)
    t.equal(await found, expected)
    await clock.advance(60_000)
  }
})

t.test('a voter that answered something else meanwhile is busy, not silent', async (t) => {
  const { clock, voter, isThere, answerIn } = client()
  voter.answersAfterMs = Infinity
  const found = isThere()
  await clock.advance(LIMIT_MS - 10)
  await answerIn(5)
  await clock.advance(10)
  t.equal(await found, true)
})

t.test('what it answered before counts for nothing', async (t) => {
  const { clock, voter, isThere, answerIn } = client()
  await answerIn(5)
  await clock.advance(1)
  voter.answersAfterMs = Infinity
  const found = isThere()
  await clock.advance(LIMIT_MS)
  t.equal(await found, false)
})

t.test('while this node itself stood still, it could hear nobody', async (t) => {
  const { clock, voter, isThere } = client()
  voter.answersAfterMs = Infinity
  voter.stallsMs = 250
  const found = isThere()
  await clock.advance(LIMIT_MS + 250)
  t.equal(await found, true)
})
