import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { systemClock, type Clock } from '../../../cluster/runtime.ts'
import { RbdBackend, type RbdBackendOptions } from '../../../node/backends/rbd-backend.ts'
import { deferred } from '../../helpers/deferred.ts'
import { RbdStandIn } from '../../helpers/rbd-stand-in.ts'
import { backendSuite, piecesOf, read } from '../../suites/backend.ts'

/** For what hangs: nobody waits as long as for a real one. */
const hasty: Clock = { ...systemClock, after: (ms, action) => systemClock.after(ms / 25, action) }
const OBJECT_BYTES = 4096
/** More than there may be tools. */
const READERS = 18
const request = { sizeBytes: null, signal: new AbortController().signal }
const FSID = 'e770f12b-d142-4664-8882-e057b5a40c2d'

function rbdOf(standIn: RbdStandIn, clock: Clock = systemClock, options: Partial<RbdBackendOptions> = {}) {
  const place = { id: 'ceph', pool: 'images', user: 'glance', conf: '/a/ceph.conf', fsid: FSID }
  const { tools } = standIn
  return new RbdBackend(clock, { ...place, objectBytes: OBJECT_BYTES, connectSeconds: 5, tools, ...options })
}

backendSuite(t, 'rbd', async (t) => ({
  backend: rbdOf(await RbdStandIn.start(t)),
  partBytes: OBJECT_BYTES,
}))

t.test('rbd: locations are those of Glance, old ones as well', async (t) => {
  const backend = rbdOf(await RbdStandIn.start(t))
  t.equal(backend.urlOf('a'), `rbd://${FSID}/images/a/snap`)
  t.equal(backend.nameOf('rbd://other/pool/b/snap'), 'b')
  t.equal(backend.nameOf('rbd://b'), 'b')
  for (const url of ['rbd://a/b', 'rbd://', 's3://a/b/c/d']) t.equal(backend.nameOf(url), '')
  t.strictSame(backend.properties, {
    pool: 'images',
    chunk_size: OBJECT_BYTES,
    thin_provisioning: true,
    fsid: FSID,
  })
})

t.test('rbd: an image gets a protected snapshot; who we are is said each time', async (t) => {
  const standIn = await RbdStandIn.start(t)
  await rbdOf(standIn).put('a', piecesOf(Buffer.from('hello')), request)
  t.strictSame(await standIn.files(), ['a', 'a@protected', 'a@snap'])
  t.match((await standIn.calls()).slice(0, 3), [
    `import --no-progress --image-format 2 --object-size ${OBJECT_BYTES}B - images/a`,
    'snap create --no-progress images/a@snap',
    'snap protect images/a@snap',
  ])
})

t.test(
  'rbd: ranges are read object by object, holes too; as an export where that could be wrong',
  async (t) => {
    const standIn = await RbdStandIn.start(t)
    const backend = rbdOf(standIn)
    const bytes = Buffer.concat([randomBytes(5000), Buffer.alloc(9000), randomBytes(5000)])
    await backend.put('a', piecesOf(bytes), request)
    const commands = async () => new Set((await standIn.calls()).map((call) => call.split(' ')[0]))
    await commands()
    for (const [start, end] of [
      [1, 18_999],
      [4096, 4096],
      [8000, 13_000],
      [18_000, 40_000],
      [12_287, 12_288],
    ] as const)
      t.ok(
        (await read(backend, 'a', start, end)).equals(bytes.subarray(start, end + 1)),
        `${start} to ${end}`,
      )
    t.strictSame(await commands(), new Set(['info', 'diff', 'get']))
    await standIn.mark('a', 'changed')
    t.ok((await read(backend, 'a', 5, 17_000)).equals(bytes.subarray(5, 17_001)))
    t.strictSame(await commands(), new Set(['info', 'diff', 'export']))
    await standIn.unmark('a', 'changed')
    await standIn.fault(
      `[ $command = info ] && echo '{"size":19000,"object_size":4096,"stripe_count":4}' && exit 0`,
    )
    t.ok((await read(backend, 'a', 5, 17_000)).equals(bytes.subarray(5, 17_001)))
    t.strictSame(await commands(), new Set(['info', 'diff', 'export']))
    await standIn.fault('[ $command = get ] && fail 5 "Input/output error"; true')
    await t.rejects(read(backend, 'a', 5, 17_000), { code: 'BACKEND_UNAVAILABLE' })
  },
)

t.test(
  'rbd: what was fetched ahead is kept until it is read, though its tool has ended long ago',
  async (t) => {
    const standIn = await RbdStandIn.start(t)
    const backend = rbdOf(standIn)
    const bytes = randomBytes(5 * OBJECT_BYTES)
    await backend.put('a', piecesOf(bytes), request)
    const pieces: Uint8Array[] = []
    for await (const piece of backend.open('a', { start: 1, end: bytes.length - 1 }, request.signal)) {
      pieces.push(Buffer.from(piece))
      if (pieces.length < 3) await setTimeout(500)
    }
    t.ok(Buffer.concat(pieces).equals(bytes.subarray(1)))
  },
)

t.test('rbd: an image with clones is in use, and stays whole', async (t) => {
  const standIn = await RbdStandIn.start(t)
  const backend = rbdOf(standIn)
  const { signal } = request
  await backend.put('a', piecesOf(Buffer.from('hello')), request)
  t.notOk(await backend.isInUse('a', signal))
  t.notOk(await backend.isInUse('nothing', signal))
  await standIn.mark('a', 'clone')
  t.ok(await backend.isInUse('a', signal))
  await t.rejects(backend.delete('a', signal), { code: 'BACKEND_IN_USE', message: /has clones/ })
  t.ok((await standIn.files()).includes('a@protected'))
  // Who may not look for clones is told when the snapshot is to go.
  await standIn.fault('[ $command = children ] && fail 1 "Operation not permitted"; true')
  t.notOk(await backend.isInUse('a', signal))
  await t.rejects(backend.delete('a', signal), { code: 'BACKEND_IN_USE' })
  t.equal(String(await read(backend, 'a', 0, 4)), 'hello')
  const elsewhere =
    'list_descendants: failed to open descendant 105d8d2a6831 from pool vms:(1) Operation not permitted'
  await standIn.fault(`[ $command = children ] && { echo "${elsewhere}" >&2; exit 1; }; true`)
  t.ok(await backend.isInUse('a', signal), 'a clone that may not be opened')
  await standIn.unmark('a', 'clone')
  await standIn.fault('[ $command = rm ] && fail 16 "Device or resource busy"; true')
  await t.rejects(backend.delete('a', signal), { code: 'BACKEND_IN_USE' })
  await standIn.fault('')
  await backend.delete('a', signal)
  t.strictSame(await standIn.files(), [])
})

t.test('rbd: what its ends mean', async (t) => {
  const standIn = await RbdStandIn.start(t)
  const backend = rbdOf(standIn)
  const put = () => backend.put('a', piecesOf(Buffer.from('hello')), request)
  const ends = [
    [1, 'Operation not permitted', 'BACKEND_REFUSED'],
    [2, 'No such file or directory', 'BACKEND_REFUSED'],
    [13, 'Permission denied', 'BACKEND_REFUSED'],
    [28, 'No space left on device', 'BACKEND_FULL'],
    [110, 'Connection timed out', 'BACKEND_UNAVAILABLE'],
    [108, 'Cannot send after transport endpoint shutdown', 'BACKEND_UNAVAILABLE'],
  ] as const
  for (const [number, text, code] of ends) {
    await standIn.fault(`[ $command = import ] && fail ${number} "${text}"; true`)
    await t.rejects(put(), { code, message: `The store ceph fails: rbd ends with ${number} (${text}).` })
  }
  // The pool itself is gone: nothing says that the image is.
  await standIn.fault('fail 2 "No such file or directory"')
  await t.rejects(backend.delete('a', request.signal), { code: 'BACKEND_NOT_FOUND' })
  await standIn.fault('')
  await put()
  await t.rejects(put(), { code: 'BACKEND_UNAVAILABLE', message: /already/ })
  t.equal(String(await read(backend, 'a', 0, 4)), 'hello', 'and what was there stays')
  await writeFile(join(standIn.directory, 'images', 'half'), 'hel')
  const half = () => backend.put('half', piecesOf(Buffer.from('hello')), request)
  await standIn.fault('[ $command = rm ] && fail 16 "Device or resource busy"; true')
  await t.rejects(half(), { message: /already/ })
  t.ok((await standIn.files()).includes('half'), 'somebody is still at it')
  await standIn.fault('')
  await t.rejects(half(), { message: /already/ })
  t.equal(await half(), 5, 'what never became whole makes room')
  const none = rbdOf(standIn, systemClock, { tools: { rbd: '/no/rbd', rados: '/no/rados' } })
  await t.rejects(none.isInUse('a', request.signal), {
    code: 'BACKEND_UNAVAILABLE',
    message: /not installed/,
  })
  for (const start of [0, 1])
    await t.rejects(
      async () => {
        for await (const _ of none.open('a', { start, end: 4 }, request.signal)) continue
      },
      { message: /not installed/ },
    )
  await t.rejects(none.put('b', piecesOf(Buffer.from('hello')), request), { message: /not installed/ })
})

t.test('rbd: a snapshot that fails, or other bytes than were sent: nothing is left', async (t) => {
  const standIn = await RbdStandIn.start(t)
  const backend = rbdOf(standIn)
  const put = () => backend.put('a', piecesOf(Buffer.from('hello')), request)
  await standIn.fault('[ "$command $1" = "snap protect" ] && fail 95 "Operation not supported"; true')
  await t.rejects(put(), { code: 'BACKEND_UNAVAILABLE' })
  await standIn.fault('[ $command = import ] && { head -c 2 > "$image"; cat >/dev/null; exit 0; }; true')
  await backend.delete('a', request.signal)
  await t.rejects(put(), { code: 'BACKEND_REFUSED', message: /2 of 5 bytes/ })
  t.strictSame(await standIn.files(), [])
})

t.test('rbd: one that hangs is given up and killed with all that it has started', async (t) => {
  const standIn = await RbdStandIn.start(t)
  const child = join(standIn.directory, 'child')
  const hang = `{ sleep 1000 & echo $! > ${child}; wait; }`
  /** Also that it was there; a kill is not waited for. */
  const isGone = async () => {
    const pid = (await readFile(child, 'utf8').catch(() => '')).trim()
    const isThere = async () => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      return stat !== '' && !/ Z /.test(stat)
    }
    for (let tries = 0; tries < 100 && (await isThere()); tries++) await setTimeout(20)
    return pid !== '' && !(await isThere())
  }
  const backend = rbdOf(standIn, hasty)
  await standIn.fault(`[ $command = import ] && ${hang}; true`)
  const endless = async function* () {
    for (;;) yield Buffer.alloc(65_536)
  }
  await t.rejects(backend.put('a', endless(), request), {
    code: 'BACKEND_UNAVAILABLE',
    message: /not answer/,
  })
  t.ok(await isGone())
  await standIn.fault('')
  await rbdOf(standIn).put('b', piecesOf(Buffer.from('hello')), request)
  for (const [command, act] of [
    ['export', async () => void (await read(backend, 'b', 0, 4))],
    ['namespace', () => backend.delete('nothing', request.signal)],
  ] as const) {
    await writeFile(child, '')
    await standIn.fault(`[ $command = ${command} ] && ${hang}; true`)
    await t.rejects(act(), { code: 'BACKEND_UNAVAILABLE', message: /not answer/ })
    t.ok(await isGone(), command)
  }
})

t.test('rbd: there are only so many tools; who looks does not wait for who sends slowly', async (t) => {
  const standIn = await RbdStandIn.start(t)
  const backend = rbdOf(standIn, hasty)
  await rbdOf(standIn).put('a', piecesOf(Buffer.from('hello')), request)
  const held = deferred()
  const slow = async function* () {
    yield Buffer.from('hel')
    await held.promise
    yield Buffer.from('lo')
  }
  const puts = Array.from({ length: 16 }, (_, index) => backend.put(`b${index}`, slow(), request))
  await t.rejects(read(backend, 'a', 0, 4), { code: 'BACKEND_UNAVAILABLE', message: /as much to do/ })
  t.notOk(await backend.isInUse('a', request.signal))
  held.resolve()
  t.strictSame(await Promise.all(puts), Array(16).fill(5))
  t.equal(String(await read(backend, 'a', 0, 4)), 'hello')
})

t.test('rbd: who reads slowly gives way to those that wait, and goes on behind them', async (t) => {
  const standIn = await RbdStandIn.start(t)
  const backend = rbdOf(standIn, hasty)
  const bytes = randomBytes(300_000)
  await rbdOf(standIn, systemClock, { objectBytes: 2 ** 17 }).put('a', piecesOf(bytes, 65_536), request)
  const readers = Array.from({ length: READERS }, async (_, index) => {
    const pieces: Uint8Array[] = []
    const start = index % 2
    for await (const piece of backend.open('a', { start, end: bytes.length - 1 }, request.signal)) {
      pieces.push(piece)
      if (pieces.length <= 3) await setTimeout(300)
    }
    return Buffer.concat(pieces).equals(bytes.subarray(start))
  })
  t.strictSame(await Promise.all(readers), Array(READERS).fill(true))
  const calls = await standIn.calls()
  const countOf = (command: string) => calls.filter((call) => call.startsWith(command)).length
  t.equal(countOf('export'), READERS / 2, 'what has begun is not begun anew')
  t.ok(countOf('info') > READERS / 2, 'some have gone on by objects')
})

t.test('rbd: nobody gives way where nobody waits', async (t) => {
  const standIn = await RbdStandIn.start(t)
  const backend = rbdOf(standIn, hasty)
  const bytes = randomBytes(1_000_000)
  await rbdOf(standIn).put('a', piecesOf(bytes, 65_536), request)
  const slow = Array.from({ length: 16 }, () =>
    backend.open('a', { start: 0, end: bytes.length - 1 }, request.signal),
  )
  for (const reader of slow) await reader.next()
  await setTimeout(1000)
  await standIn.calls()
  for (const reader of slow) await reader.next()
  t.strictSame(await standIn.calls(), [])
  await Promise.all(slow.map((reader) => reader.return(undefined)))
})

t.test('rbd: whoever stops waiting ends it', async (t) => {
  const standIn = await RbdStandIn.start(t)
  const backend = rbdOf(standIn, hasty)
  await standIn.fault(
    '[ $command = import ] && exec sleep 1000; [ $command = export ] && exec sleep 1000; true',
  )
  const reason = new Error('enough')
  for (const act of [
    async (signal: AbortSignal) => {
      await backend.put('a', piecesOf(randomBytes(1_000_000)), { sizeBytes: null, signal })
    },
    async (signal: AbortSignal) => {
      for await (const _ of backend.open('a', { start: 0, end: 9 }, signal)) continue
    },
  ]) {
    const stop = new AbortController()
    systemClock.after(50, () => stop.abort(reason))
    const beganMs = performance.now()
    await t.rejects(act(stop.signal), reason)
    t.ok(performance.now() - beganMs < 10_000)
  }
})
