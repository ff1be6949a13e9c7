import fc from 'fast-check'
import t from 'tap'
import type { MemberNode } from '../../../cluster/membership/cluster-config.ts'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { systemRandom } from '../../../cluster/runtime.ts'
import { member, memberListProblems } from '../../../node/config/members.ts'

const id = createIdentity(systemRandom).id

t.test('a line becomes a member', async (t) => {
  t.strictSame(member.parse(`${id}@10.0.0.1:9293`), {
    id,
    address: '10.0.0.1:9293',
    role: 'voter',
    zone: null,
    weight: 1,
  })
  t.strictSame(member.parse(` ${id}@[fd00::1]:9293?zone=rack%201&weight=2.5&role=storage `), {
    id,
    address: '[fd00::1]:9293',
    role: 'storage',
    zone: 'rack 1',
    weight: 2.5,
  })
})

t.test('whatever is no such line is refused', async (t) => {
  const lines = [
    '',
    id,
    `${id}@`,
    `${id}@controller-1`,
    `${id}@controller-1:99999`,
    `${id}@/ip4/10.0.0.1/tcp/1:9293`,
    `${id.slice(1)}@controller-1:9293`,
    `@controller-1:9293`,
    `${id}@controller-1:9293?role=leader`,
    `${id}@controller-1:9293?weight=0`,
    `${id}@controller-1:9293?weight=-1`,
    `${id}@controller-1:9293?weight=Infinity`,
    `${id}@controller-1:9293?weight=x`,
    `${id}@controller-1:9293?zone=`,
    `${id}@controller-1:9293?rack=1`,
  ]
  for (const line of lines) t.throws(() => member.parse(line), { message: member.description }, line)
  fc.assert(
    fc.property(fc.string(), (line) => {
      try {
        member.parse(line)
        return false
      } catch (error) {
        return error instanceof Error && error.message === member.description
      }
    }),
  )
})

function node(name: string, role: MemberNode['role'] = 'voter'): MemberNode {
  return { id: name, address: `${name}:9293`, role, zone: null, weight: 1 }
}

t.test('the list as a whole', async (t) => {
  t.strictSame(memberListProblems([node('a'), node('b'), node('c'), node('d', 'storage')]), [])
  t.strictSame(memberListProblems([node('a')]), [])
  t.match(memberListProblems([node('a'), node('b')]), ['there must be 1, 3, 5, 7 voters, not 2'])
  t.match(memberListProblems([node('a', 'edge')]), ['not 0'])
  t.match(memberListProblems([node('a'), { ...node('b', 'edge'), address: 'a:9293' }, node('a', 'edge')]), [
    'two members have the id a',
    'two members have the address a:9293',
  ])
})
