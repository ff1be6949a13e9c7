import { gossipsub as gossipsubForLibp2p2 } from 'gossipsub-for-libp2p-2'
import t from 'tap'
import { hasCode } from '../../../cluster/errors.ts'
import { GOSSIP_OPTIONS, gossipService } from '../../../cluster/gossip/gossipsub.ts'
import { checkGossip } from '../../../cluster/gossip/self-check.ts'
import type { GossipFactory } from '../../../cluster/network/host.ts'
import { systemRandom } from '../../../cluster/runtime.ts'

t.test('passes with the package that package.json names', async (t) => {
  await checkGossip(systemRandom, { gossip: gossipService(), timeoutMs: 20_000 })
  t.pass('a message arrived')
})

t.test('fails with the gossipsub for libp2p 2, and says what to do', async (t) => {
  const gossip = gossipsubForLibp2p2(GOSSIP_OPTIONS) as unknown as GossipFactory
  const gossipPackage = 'gossipsub-for-libp2p-2'
  const error = await checkGossip(systemRandom, { gossip, gossipPackage, timeoutMs: 1_500 }).catch(
    (e: unknown) => e,
  )
  t.ok(hasCode(error, 'GOSSIP_BROKEN'))
  t.match(
    (error as Error).message,
    '@chainsafe/libp2p-gossipsub 14.1.2 delivers nothing beside libp2p 3.3.11',
  )
  t.match((error as Error).message, 'npm ci')
  t.match((error as Error).message, '"@chainsafe/libp2p-gossipsub": "npm:@libp2p/gossipsub@17.1.1"')
})
