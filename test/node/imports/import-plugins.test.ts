import { gzipSync } from 'node:zlib'
import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { until } from '../../helpers/until.ts'
import { admin, ID, imageOf, owner } from '../images/image-fixture.ts'
import { HELLO, direct, download, lent, nodeOf, piecesOf } from './import-fixture.ts'

t.test('imported images are given properties, but for callers with a role that needs none', async (t) => {
  const plugins = {
    plugins: ['inject_image_metadata'] as const,
    inject: { hw_origin: 'import', os_glance_import_task: 'x' },
    ignoreUserRoles: ['admin'],
  }
  const { registers, service, image, state, stage } = nodeOf(t, { plugins })
  registers.put(imageOf({ diskFormat: 'raw', properties: { own: '1' } }))
  await stage(HELLO)
  await service.import(owner, ID, direct)
  await settled()
  const properties = { own: '1', os_glance_importing_to_stores: '', os_glance_failed_import: '' }
  t.strictSame(image()?.properties, { ...properties, hw_origin: 'import' })
  t.equal(state.written.length, 1, 'the bytes stay where they are')
  registers.put(imageOf({ diskFormat: 'raw' }))
  await service.import(owner, ID, download)
  await settled()
  t.match(image(), { status: 'active', properties: { hw_origin: 'import' } })
  registers.put(imageOf({ diskFormat: 'raw' }))
  await service.import(admin, ID, download)
  await settled()
  t.notOk('hw_origin' in (image()?.properties ?? {}))
})

t.test('what comes packed is unpacked, staged or not, and what is not is left as it is', async (t) => {
  const { registers, service, state, image, stage, tasks } = nodeOf(t, {
    plugins: { plugins: ['image_decompression'] },
  })
  registers.put(imageOf({ diskFormat: 'raw' }))
  await stage(gzipSync(HELLO))
  await service.import(owner, ID, direct)
  await until(() => image()?.status === 'active')
  t.match(state.written, [gzipSync(HELLO), HELLO])
  t.match(image(), { status: 'active', size: 5, virtualSize: 5 })
  t.notOk('staged' in (image() ?? {}))
  t.match(tasks(), [{ status: 'success', bytes: image()?.data?.uploadId }])

  registers.put(imageOf({ diskFormat: 'raw' }))
  await stage(HELLO)
  await service.import(owner, ID, direct)
  await settled()
  t.equal(image()?.status, 'active')
  t.equal(state.written.length, 3, 'no byte was moved')
  t.equal(lent.count, 0, 'and the look at the first ones has ended')

  registers.put(imageOf({ diskFormat: 'raw', containerFormat: 'compressed' }))
  state.answer = async () => ({ status: 200, body: piecesOf(gzipSync(HELLO)) })
  await service.import(owner, ID, download)
  await until(() => image()?.status === 'active')
  t.match(state.written.at(-1), gzipSync(HELLO))
})

t.test('what is damaged in its packing fails the import; what cannot be had now waits on', async (t) => {
  const { registers, service, image, stage, tasks } = nodeOf(t, {
    plugins: { plugins: ['image_decompression'] },
  })
  registers.put(imageOf({ diskFormat: 'raw' }))
  await stage(gzipSync(HELLO).subarray(0, 12))
  await service.import(owner, ID, direct)
  await until(() => image()?.status !== 'importing')
  t.match(image(), { status: 'queued', size: null })
  t.match(tasks(), [{ status: 'failure', message: /gzip data is damaged/ }])

  const bomb = gzipSync(Buffer.alloc(2000))
  registers.put(imageOf({ diskFormat: 'raw' }))
  await stage(bomb)
  await service.import(owner, ID, direct)
  await until(() => image()?.status !== 'importing')
  t.match(image(), { status: 'queued' }, 'it grows beyond what an image may have')

  const away = nodeOf(t, { plugins: { plugins: ['image_decompression'] } })
  away.registers.put(imageOf({ diskFormat: 'raw' }))
  await away.stage(gzipSync(HELLO))
  away.registers.beforeExecute = (name) => {
    if (name === 'image.finish-import') throw new ClusterError('NO_QUORUM', 'nobody')
  }
  await away.service.import(owner, ID, direct)
  await until(() => away.image()?.status !== 'importing')
  t.match(away.image(), { status: 'uploading', staged: { sizeBytes: gzipSync(HELLO).length } })
})

t.test('an image that is converted is of the other format afterwards', async (t) => {
  const { registers, service, state, image } = nodeOf(t, {
    plugins: { plugins: ['image_conversion'], outputFormat: 'raw' },
  })
  registers.put(imageOf({ diskFormat: 'qcow2', containerFormat: 'ovf' }))
  await service.import(owner, ID, download)
  await settled()
  t.match(state.written, [Buffer.from('hello!')])
  t.match(image(), { status: 'active', diskFormat: 'raw', containerFormat: 'bare', virtualSize: 6 })
  registers.put(imageOf({ diskFormat: 'raw' }))
  await service.import(owner, ID, download)
  await settled()
  t.match(state.written.at(-1), HELLO, 'one that is of that format already is not')
})
