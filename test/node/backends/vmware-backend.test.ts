import t, { type Test } from 'tap'
import { systemClock, type Clock } from '../../../cluster/runtime.ts'
import { VmwareBackend, type VmwareBackendOptions } from '../../../node/backends/vmware-backend.ts'
import { VMWARE_PASSWORD, VMWARE_USER, VmwareStandIn } from '../../helpers/vmware-stand-in.ts'
import { backendSuite, piecesOf, read } from '../../suites/backend.ts'

/** Nobody waits as long as for a real one. */
const clock: Clock = { ...systemClock, after: (delayMs, action) => systemClock.after(delayMs / 100, action) }
const request = { sizeBytes: null, signal: new AbortController().signal }
const FIRST = '[fast] openstack_glance/'

function vmwareOf(
  t: Test,
  { host }: VmwareStandIn,
  options: Partial<VmwareBackendOptions> = {},
): VmwareBackend {
  const backend = new VmwareBackend(clock, {
    ...{ id: 'vm', host, user: VMWARE_USER, password: VMWARE_PASSWORD, directory: 'openstack_glance' },
    datastores: [
      { datacenter: 'dc/one', name: 'fast' },
      { datacenter: 'dc/two', name: 'slow' },
    ],
    ...{ tries: 2, pollMs: 100, ca: null, insecure: true },
    ...options,
  })
  t.teardown(() => backend.close())
  return backend
}

backendSuite(t, 'vmware', async (t) => ({
  backend: vmwareOf(t, await VmwareStandIn.start(t)),
  partBytes: 4096,
}))

t.test('vmware: locations are those of Glance; sizes are announced where they are known', async (t) => {
  const server = await VmwareStandIn.start(t)
  const backend = vmwareOf(t, server)
  const query = 'dsName=fast&dcPath=dc%2Fone'
  t.equal(backend.urlOf('a'), `vsphere://${server.host}/folder/openstack_glance/a?${query}`)
  t.equal(backend.nameOf('vsphere://host/folder/dir/b?dcPath=a%2Fb&dsName=c/d'), 'b')
  await backend.put('a', piecesOf(Buffer.from('hello')), { ...request, sizeBytes: 5 })
  t.match(server.lastPut, { 'content-length': '5', 'content-type': 'application/octet-stream' })
  await backend.put('b', piecesOf(Buffer.from('hello')), request)
  t.match(server.lastPut, { 'transfer-encoding': 'chunked' })
  t.ok(server.calls.includes(`PUT /folder/openstack_glance/a?${query}`))
  t.strictSame(backend.properties, {
    datastores: ['dc/one:fast', 'dc/two:slow'],
    store_image_dir: 'openstack_glance',
  })
  t.strictSame([...server.files.keys()], [`${FIRST}a`, `${FIRST}b`])
})

t.test(
  'vmware: what lies in another datastore is read and deleted there; ranges need not be known',
  async (t) => {
    const server = await VmwareStandIn.start(t)
    const backend = vmwareOf(t, server)
    server.files.set('[slow] openstack_glance/old', Buffer.from('hello'))
    t.equal(String(await read(backend, 'old', 1, 3)), 'ell')
    server.knowsRanges = false
    t.equal(String(await read(backend, 'old', 1, 3)), 'ell')
    await backend.delete('old', request.signal)
    t.equal(server.files.size, 0)
  },
)

t.test('vmware: one login for all; a session that has ended is asked for anew', async (t) => {
  const server = await VmwareStandIn.start(t)
  const backend = vmwareOf(t, server)
  const put = (name: string) => backend.put(name, piecesOf(Buffer.from('hello')), request)
  await Promise.all([put('a'), put('b')])
  const logins = () => server.calls.filter((call) => call === 'Login').length
  t.equal(logins(), 1)
  for (const [count, act] of [
    [2, () => put('c')],
    [3, () => read(backend, 'c', 0, 4)],
    [4, () => backend.delete('c', request.signal)],
    [5, () => backend.delete('c', request.signal)],
  ] as const) {
    server.endSessions()
    await act()
    t.equal(logins(), count)
  }
  t.equal(server.calls.filter((call) => call.startsWith('PUT')).length, 3, 'never twice')
  server.fault = (call) => (call.startsWith('GET') ? { status: 401 } : null)
  await t.rejects(read(backend, 'a', 0, 4), { code: 'BACKEND_REFUSED' })
  t.equal(logins(), 7, 'as often as it is configured')
})

t.test('vmware: who is not let in, or not to that place, is told so, and never the password', async (t) => {
  const server = await VmwareStandIn.start(t)
  const wrong = vmwareOf(t, server, { password: 'wrong' })
  await t.rejects(wrong.delete('a', request.signal), { code: 'BACKEND_REFUSED', message: /InvalidLogin/ })
  await t.rejects(read(wrong, 'a', 0, 4), { code: 'BACKEND_REFUSED' })
  const nowhere = vmwareOf(t, server, { datastores: [{ datacenter: 'dc/three', name: 'fast' }] })
  await t.rejects(nowhere.delete('a', request.signal), {
    code: 'BACKEND_REFUSED',
    message: /no data center dc\/three/,
  })
  const put = (backend: VmwareBackend) => backend.put('a', piecesOf(Buffer.from('hello')), request)
  await t.rejects(put(nowhere), { code: 'BACKEND_REFUSED', message: /no such datastore or directory/ })
  const down = vmwareOf(t, { host: '127.0.0.1:9' } as VmwareStandIn)
  await t.rejects(down.delete('a', request.signal), { code: 'BACKEND_UNAVAILABLE' })
  const stranger = vmwareOf(t, server, { insecure: false })
  await t.rejects(stranger.delete('a', request.signal), {
    code: 'BACKEND_UNAVAILABLE',
    message: /SELF_SIGNED|CERT/,
  })
  const other = vmwareOf(t, server, { insecure: false, ca: server.cert })
  await t.rejects(other.delete('a', request.signal), { code: 'BACKEND_UNAVAILABLE', message: /ALTNAME/ })
  server.fault = () => ({ status: 200, body: '<html>a proxy</html>' })
  await t.rejects(vmwareOf(t, server).delete('a', request.signal), { message: /does not speak/ })
})

t.test('vmware: an upload that fails leaves nothing; what was there before stays', async (t) => {
  const server = await VmwareStandIn.start(t)
  const backend = vmwareOf(t, server)
  const put = (sizeBytes: number | null = null) =>
    backend.put('a', piecesOf(Buffer.from('hello')), { ...request, sizeBytes })
  server.fault = (call) => (call.startsWith('PUT') ? { status: 507 } : null)
  await t.rejects(put(), { code: 'BACKEND_FULL' })
  server.fault = (call) => (call.startsWith('PUT') ? 'hang up' : null)
  await t.rejects(put(), { code: 'BACKEND_UNAVAILABLE' })
  server.fault = (call) =>
    call.startsWith('HEAD') ? { status: 200, headers: { 'content-length': '3' } } : null
  await t.rejects(put(5), { code: 'BACKEND_REFUSED', message: /3 of 5 bytes/ })
  t.equal(server.files.size, 0)
  server.fault = () => null
  await put()
  await t.rejects(put(), { code: 'BACKEND_UNAVAILABLE', message: /already/ })
  t.equal(String(server.files.get(`${FIRST}a`)), 'hello')
})

t.test('vmware: what the end of a deletion means', async (t) => {
  const server = await VmwareStandIn.start(t)
  const backend = vmwareOf(t, server)
  await backend.put('a', piecesOf(Buffer.from('hello')), request)
  for (const [fault, code] of [
    ['FileLocked', 'BACKEND_IN_USE'],
    ['NoPermission', 'BACKEND_REFUSED'],
    ['HostCommunication', 'BACKEND_UNAVAILABLE'],
  ] as const) {
    server.taskFault = fault
    await t.rejects(backend.delete('a', request.signal), { code, message: new RegExp(fault) })
  }
  server.taskFault = null
  await backend.delete('a', request.signal)
  t.equal(server.files.size, 0)
  server.fault = (call) => (call === 'RetrievePropertiesEx' ? { status: 503 } : null)
  await t.rejects(backend.delete('a', request.signal), { code: 'BACKEND_UNAVAILABLE' })
})
