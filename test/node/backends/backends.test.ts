import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock, type Clock } from '../../../cluster/runtime.ts'
import { Backends } from '../../../node/backends/backends.ts'
import { BodyParts, partBytes } from '../../../node/backends/body-parts.ts'
import { FileBackend } from '../../../node/backends/file-backend.ts'
import { S3Backend, type S3BackendOptions } from '../../../node/backends/s3-backend.ts'
import { SwiftBackend, type SwiftBackendOptions } from '../../../node/backends/swift-backend.ts'
import { loopDigest } from '../../helpers/loop-digest.ts'
import { runCommand } from '../../helpers/run-command.ts'
import { S3_PART_BYTES as PART_BYTES, S3StandIn, s3StandInOptions } from '../../helpers/s3-stand-in.ts'
import { SWIFT_KEY, SWIFT_USER, SwiftStandIn } from '../../helpers/swift-stand-in.ts'
import { backendSuite, freshName, piecesOf, read } from '../../suites/backend.ts'

/** Nobody waits as long as for a real one. */
const clock: Clock = { ...systemClock, after: (delayMs, action) => systemClock.after(delayMs / 100, action) }
const request = { sizeBytes: null, signal: new AbortController().signal }

function s3Of(t: Test, endpoint: string, options: Partial<S3BackendOptions> = {}): S3Backend {
  const backend = new S3Backend(clock, s3StandInOptions('big', endpoint, options))
  t.teardown(() => backend.close())
  return backend
}

function swiftOf(t: Test, url: string, options: Partial<SwiftBackendOptions> = {}): SwiftBackend {
  const backend = new SwiftBackend(
    { clock, md5: () => loopDigest('md5') },
    {
      id: 'sw',
      credentials: {
        version: 3,
        authUrl: url,
        user: SWIFT_USER,
        key: SWIFT_KEY,
        project: 'service',
        userDomain: 'Default',
        projectDomain: 'Default',
        region: 'here',
        endpointType: 'publicURL',
        serviceType: 'object-store',
        endpoint: null,
      },
      container: 'images',
      createContainer: false,
      largeBytes: PART_BYTES,
      segmentBytes: PART_BYTES,
      ca: null,
      insecure: false,
      ...options,
    },
  )
  t.teardown(() => backend.close())
  return backend
}

const fileOf = (t: Test) => new FileBackend({ id: 'files', directory: t.testdir({}), mode: 0 })

backendSuite(t, 'file', async (t) => ({ backend: fileOf(t), partBytes: PART_BYTES }))
backendSuite(t, 's3', async (t) => ({
  backend: s3Of(t, (await S3StandIn.start(t)).url),
  partBytes: PART_BYTES,
}))
backendSuite(t, 'swift', async (t) => ({
  backend: swiftOf(t, (await SwiftStandIn.start(t)).url),
  partBytes: PART_BYTES,
}))

t.test('a body is cut into parts whatever its pieces are', async (t) => {
  const parts = new BodyParts(piecesOf(Buffer.from('abcdefghij'), 3))
  t.equal(String(await parts.collect(4)), 'abcd')
  t.ok(await parts.hasMore())
  t.equal(String(await parts.collect(100)), 'efghij')
  t.notOk(await parts.hasMore())
  t.equal((await parts.collect(4)).length, 0)
  const sum = Array.from({ length: 10_000 }, (_, index) => partBytes(index, 10 * 1024 ** 2, 500))
  t.ok(sum.reduce((all, bytes) => all + bytes, 0) > 1024 ** 4, 'parts of 10 MiB have room for a TiB')
})

t.test('a directory that is not there is a mount that is missing', async (t) => {
  const backend = new FileBackend({ id: 'files', directory: join(t.testdir({}), 'mount'), mode: 0o640 })
  await t.rejects(backend.put('a', piecesOf(Buffer.from('a')), request), { code: 'BACKEND_UNAVAILABLE' })
  await t.rejects(backend.delete('a'), { code: 'BACKEND_UNAVAILABLE' }, 'nothing says that it is gone')
})

t.test('no link leads out of the directory, and nothing half-written is seen', async (t) => {
  const directory = t.testdir({ outside: { secret: 'x' }, images: {} })
  const backend = new FileBackend({ id: 'files', directory: join(directory, 'images'), mode: 0o640 })
  await symlink(join(directory, 'outside', 'secret'), join(directory, 'images', 'link'))
  await t.rejects(read(backend, 'link', 0, 0), { code: 'BACKEND_REFUSED' })
  await mkdir(join(directory, 'images', 'folder'))
  const { exitCode } = await runCommand('mkfifo', [join(directory, 'images', 'pipe')])
  t.equal(exitCode, 0)
  for (const name of ['folder', 'pipe'])
    await t.rejects(read(backend, name, 0, 0), { code: 'BACKEND_REFUSED', message: /no file/ })
  await symlink(join(directory, 'outside', 'secret'), join(directory, 'images', 'new.part'))
  await t.rejects(backend.put('new', piecesOf(Buffer.from('y')), request), { code: 'BACKEND_REFUSED' })
  const slow = async function* () {
    yield Buffer.from('half')
    t.strictSame((await readdir(join(directory, 'images'))).includes('slow'), false)
    yield Buffer.from('whole')
  }
  t.equal(await backend.put('slow', slow(), request), 9)
  t.equal(String(await read(backend, 'slow', 0, 8)), 'halfwhole')
  // What a Glance has put there is read as it lies.
  await writeFile(join(directory, 'images', 'of-glance'), 'hello')
  t.equal(String(await read(backend, 'of-glance', 1, 3)), 'ell')
})

t.test('S3: another secret, a bucket that is missing, a bucket that is made', async (t) => {
  const server = await S3StandIn.start(t, [])
  const put = (backend: S3Backend) => backend.put(freshName(), piecesOf(Buffer.from('a')), request)
  await t.rejects(put(s3Of(t, server.url, { secretKey: 'wrong' })), { code: 'BACKEND_REFUSED' })
  await t.rejects(put(s3Of(t, server.url)), { code: 'BACKEND_REFUSED' })
  await t.rejects(s3Of(t, server.url).delete('a', request.signal), { code: 'BACKEND_NOT_FOUND' })
  t.equal(await put(s3Of(t, server.url, { createBucket: true })), 1)
  await t.rejects(put(s3Of(t, 'http://127.0.0.1:9')), { code: 'BACKEND_UNAVAILABLE' })
})

t.test('S3: a part is sent again; parts of what failed are taken back, or go with the object', async (t) => {
  const server = await S3StandIn.start(t)
  const backend = s3Of(t, server.url)
  const bytes = Buffer.alloc(3 * PART_BYTES, 'x')
  let isFirst = true
  server.fault = (call) => {
    if (!isFirst || !call.includes('partNumber=2')) return null
    isFirst = false
    return { status: 503 }
  }
  t.equal(await backend.put('again', piecesOf(bytes), request), bytes.length)
  server.fault = (call) => (call.includes('partNumber=3') ? { status: 507 } : null)
  await t.rejects(backend.put('full', piecesOf(bytes), request), { code: 'BACKEND_FULL' })
  t.equal(server.uploads.size, 0)
  const isLate = (call: string) => call.includes('partNumber=3') || call.startsWith('DELETE')
  server.fault = (call) => (isLate(call) ? { status: 400 } : null)
  await t.rejects(backend.put('left', piecesOf(bytes), request), { code: 'BACKEND_REFUSED' })
  t.equal(server.uploads.size, 1)
  server.fault = () => null
  await backend.delete('other', request.signal)
  t.equal(server.uploads.size, 1)
  await backend.delete('left', request.signal)
  t.equal(server.uploads.size, 0)
  server.fault = (call) =>
    /^POST.*uploadId/.test(call) ? { status: 200, body: ' <Error><Code>InternalError</Code></Error>' } : null
  await t.rejects(backend.put('end', piecesOf(bytes), request), { code: 'BACKEND_UNAVAILABLE' })
})

t.test('Swift: a token that is refused is asked for anew; TempAuth will do as well', async (t) => {
  const server = await SwiftStandIn.start(t)
  const backend = swiftOf(t, `${server.url}/v3/`)
  await backend.put('one', piecesOf(Buffer.from('one')), request)
  server.forgetTokens()
  t.equal(String(await read(backend, 'one', 0, 2)), 'one')
  t.equal(server.calls.filter((call) => call.includes('/auth/tokens')).length, 2)
  const credentials = {
    version: 1 as const,
    authUrl: `${server.url}/auth/v1.0`,
    user: `account:${SWIFT_USER}`,
    key: SWIFT_KEY,
    project: '',
    userDomain: '',
    projectDomain: '',
    region: null,
    endpointType: 'publicURL' as const,
    serviceType: 'object-store',
    endpoint: null,
  }
  t.equal(String(await read(swiftOf(t, server.url, { credentials }), 'one', 0, 2)), 'one')
  const wrong = swiftOf(t, server.url, { credentials: { ...credentials, key: 'wrong' } })
  await t.rejects(read(wrong, 'one', 0, 2), { code: 'BACKEND_REFUSED' })
})

t.test('Swift: segments of what failed are removed, or go with the object', async (t) => {
  const server = await SwiftStandIn.start(t, [])
  const bytes = Buffer.alloc(3 * PART_BYTES, 'x')
  await t.rejects(swiftOf(t, server.url).put('a', piecesOf(bytes), request), { code: 'BACKEND_REFUSED' })
  const backend = swiftOf(t, server.url, { createContainer: true })
  server.fault = (call) => (call.includes('manifest=put') ? { status: 507 } : null)
  await t.rejects(backend.put('full', piecesOf(bytes), request), { code: 'BACKEND_FULL' })
  t.equal(server.objects.size, 0)
  const isLate = (call: string) => call.includes('-00003') || call.startsWith('DELETE')
  server.fault = (call) => (isLate(call) ? { status: 503 } : null)
  await t.rejects(backend.put('left', piecesOf(bytes), request), { code: 'BACKEND_UNAVAILABLE' })
  t.equal(server.objects.size, 2)
  server.fault = () => null
  await backend.delete('left', request.signal)
  t.equal(server.objects.size, 0)
  server.fault = (call) => (/PUT.*whole/.test(call) ? { status: 201, headers: { etag: 'other' } } : null)
  await t.rejects(backend.put('whole', piecesOf(Buffer.from('a')), { ...request, sizeBytes: 1 }), {
    message: /other bytes/,
  })
})

t.test('an object is found by the name at the end of its URL, and by no path', async (t) => {
  const backend = fileOf(t)
  const backends = new Backends(new Map([['files', backend]]))
  const object = backends.objectFor('files', 'a-name')
  await backends.put(object, piecesOf(Buffer.from('hello')), request)
  const moved = { store: 'files', url: 'file:///where/it/was/a-name' }
  const pieces: Uint8Array[] = []
  for await (const piece of backends.open(moved, { start: 0, end: 4 }, request.signal)) pieces.push(piece)
  t.equal(String(Buffer.concat(pieces)), 'hello')
  for (const name of ['', '.', '..', '%2e%2e', '.hidden', 'a\u0000b'])
    await t.rejects(backends.delete({ store: 'files', url: `file:///${name}` }, request.signal), {
      code: 'BACKEND_REFUSED',
    })
  await t.rejects(backends.delete({ store: 'gone', url: 'x://a/b' }, request.signal), {
    code: 'BACKEND_UNAVAILABLE',
  })
})
