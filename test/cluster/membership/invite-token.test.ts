import t from 'tap'
import {
  decodeInvite,
  encodeInvite,
  type InviteToken,
  mintSecret,
  secretHash,
} from '../../../cluster/membership/invite-token.ts'
import { systemRandom } from '../../../cluster/runtime.ts'

const token: InviteToken = {
  clusterId: 'c'.repeat(32),
  hosts: [
    { id: 'a', address: '10.0.0.1:9293' },
    { id: 'b', address: '[fd00::1]:9293' },
  ],
  rendezvous: [],
  secret: mintSecret(systemRandom),
  expiresAtMs: 1_800_000_000_000,
}

t.test('an invite survives its way as one word', async (t) => {
  const text = encodeInvite(token)
  t.match(text, /^[\w-]+$/)
  t.strictSame(decodeInvite(text), token)
})

t.test('an invite of the rendezvous names no voter', async (t) => {
  const found = { ...token, rendezvous: ['10.0.0.1:9296', 'public'] }
  const text = encodeInvite(found)
  t.strictSame(decodeInvite(text), { ...found, hosts: [] })
  t.ok(text.length < encodeInvite(token).length)
})

t.test('what the cluster keeps does not tell the secret', async (t) => {
  t.match(secretHash(token.secret), /^[0-9a-f]{64}$/)
  t.not(secretHash(token.secret), secretHash(mintSecret(systemRandom)))
})

t.test('what is no whole invite is refused without being repeated', async (t) => {
  const text = encodeInvite(token)
  const bad = encodeInvite({ ...token, hosts: [{ id: 'a', address: 'nowhere' }] })
  const short = encodeInvite({ ...token, secret: token.secret.subarray(1) })
  const lost = encodeInvite({ ...token, rendezvous: ['nowhere'] })
  for (const wrong of ['', 'x', text.slice(0, -9), 'A'.repeat(9000), bad, short, lost]) {
    t.throws(() => decodeInvite(wrong), { message: /^this is no invite, or only a part of one: copy/ })
  }
})
