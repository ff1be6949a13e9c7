import t from 'tap'
import { Doorkeeper, STRANGERS_MAX } from '../../../cluster/membership/doorkeeper.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { configOf } from '../register/register-fixture.ts'

function door(fields: Parameters<typeof configOf>[1] = {}) {
  const clock = new ManualClock()
  const config = configOf(['a', 'b'], fields)
  const linked: string[] = []
  return {
    clock,
    linked,
    keeper: new Doorkeeper({ clock, config: { current: () => config }, linked: () => linked }),
  }
}

const invite = (expiresAtMs: number, usedBy: string | null = null) => ({
  secretHash: 'h',
  expiresAtMs,
  usedBy,
})

t.test('members enter, strangers do not', async (t) => {
  const { keeper } = door()
  t.ok(keeper.isMember('a') && keeper.mayEnter('a'))
  t.notOk(keeper.isMember('x') || keeper.mayEnter('x'))
})

t.test('while an invite is open a stranger gets as far as the door', async (t) => {
  const { clock, keeper } = door({ invites: [invite(new ManualClock().wallMs() + 1000)] })
  t.ok(keeper.mayEnter('x'))
  t.notOk(keeper.isMember('x'))
  await clock.advance(1000)
  t.notOk(keeper.mayEnter('x'), 'not when it has expired')
})

t.test('a used invite opens nothing', async (t) => {
  t.notOk(door({ invites: [invite(new ManualClock().wallMs() + 1000, 'c')] }).keeper.mayEnter('x'))
})

t.test('a removed node may come and be told', async (t) => {
  const { keeper } = door({ removed: ['x'] })
  t.ok(keeper.mayEnter('x'))
  t.notOk(keeper.mayEnter('y'))
})

t.test('there is room for few strangers, and members do not take it', async (t) => {
  const { keeper, linked } = door({ invites: [invite(new ManualClock().wallMs() + 1000)] })
  linked.push('a', 'b', ...Array.from({ length: STRANGERS_MAX }, (_, i) => `stranger ${i}`))
  t.notOk(keeper.mayEnter('x'))
  t.ok(keeper.mayEnter('stranger 0'), 'who is there may stay')
  t.ok(keeper.mayEnter('a'))
})
