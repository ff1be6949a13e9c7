import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  createIdentity,
  identityFromKey,
  loadIdentity,
  loadOrCreateIdentity,
  nodeIdFromPublicKey,
  rawPublicKey,
} from '../../../cluster/network/identity.ts'
import { systemRandom as random } from '../../../cluster/runtime.ts'
import { testProgram } from '../../helpers/test-program.ts'

/** Garbage is collected often enough for one of so many keys to be exported meanwhile. */
const HANG_MIB = 1
const HANG_IDENTITIES = 6000
/** Far above the 4 s that it takes. */
const HANG_MS = 60_000

t.test('a node is named by its public key', async (t) => {
  const { id, privateKey } = createIdentity(random)
  t.match(id, /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/)
  t.equal(nodeIdFromPublicKey(rawPublicKey(createPublicKey(privateKey))), id)
})

t.test('both planes hold the same key', async (t) => {
  const { privateKey, libp2pKey } = createIdentity(random)
  const message = Buffer.from('hello')
  const signature = await libp2pKey.sign(message)
  t.ok(verify(null, message, createPublicKey(privateKey), signature))
  t.ok(await libp2pKey.publicKey.verify(message, sign(null, message, privateKey)))
})

t.test('each start has another nonce', async (t) => {
  const { privateKey, startNonce } = createIdentity(random)
  const again = identityFromKey(privateKey, random)
  t.match(startNonce, /^[0-9a-f]{16}$/)
  t.not(again.startNonce, startNonce)
})

t.test('a garbage collection while a key is exported does not hang the process', (t) => {
  const program = [
    `--max-semi-space-size=${HANG_MIB}`,
    ...testProgram(import.meta.dirname, 'identities-child'),
  ]
  const made = execFileSync(process.execPath, [...program, String(HANG_IDENTITIES)], {
    encoding: 'utf8',
    timeout: HANG_MS,
    killSignal: 'SIGKILL',
  })
  t.equal(Number(made), HANG_IDENTITIES)
  t.end()
})

t.test('other kinds of keys are refused', async (t) => {
  const { privateKey } = generateKeyPairSync('x25519')
  t.throws(() => identityFromKey(privateKey, random), /Ed25519/)
})

t.test('the first start makes the file, for its owner only; later ones keep it', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'node.key')
  const first = await loadOrCreateIdentity(file, random)
  const pem = readFileSync(file, 'utf8')
  const second = await loadOrCreateIdentity(file, random)
  t.equal(second.id, first.id)
  t.equal(readFileSync(file, 'utf8'), pem)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.strictSame(readdirSync(directory), ['node.key'], 'no draft is left')
})

t.test('a file that holds no key is neither used nor replaced', async (t) => {
  const file = join(t.testdir(), 'node.key')
  writeFileSync(file, 'not a key')
  await t.rejects(loadOrCreateIdentity(file, random))
  t.equal(readFileSync(file, 'utf8'), 'not a key')
})

t.test('loading makes nothing', async (t) => {
  const directory = t.testdir()
  await t.rejects(loadIdentity(join(directory, 'node.key'), random), { code: 'ENOENT' })
  t.strictSame(readdirSync(directory), [])
})
