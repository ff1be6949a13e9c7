import t from 'tap'
import type { ImportRequest } from '../../../node/imports/import-requests.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { ID, imageOf, owner } from '../images/image-fixture.ts'
import { direct, HELLO, nodeOf, piecesOf } from './import-fixture.ts'

t.test(
  'an image comes from another region, with its formats and the properties that are wanted',
  async (t) => {
    const { registers, service, state, image, tasks } = nodeOf(t)
    const remote = {
      region: 'north',
      serviceInterface: 'public',
      endpoint: 'http://north.example:9292/v2/',
      imageId: '22222222-2222-4222-8222-222222222222',
      token: 'secret',
    }
    const fetched: ImportRequest = { ...direct, method: 'glance-download', remote }
    const description = {
      status: 'active',
      disk_format: 'raw',
      container_format: 'bare',
      size: 5,
      hw_disk_bus: 'scsi',
      os_hidden: 'x',
      other: 'y',
      os_glance_import_task: 'z',
    }
    const urls: string[] = []
    let said: object = description
    state.answer = async ({ url, headers }) => {
      urls.push(`${url} ${headers?.['x-auth-token']}`)
      const bytes = url.endsWith('/file') ? HELLO : Buffer.from(JSON.stringify(said))
      return { status: 200, body: piecesOf(bytes) }
    }
    registers.put(imageOf({ diskFormat: 'qcow2' }))
    await service.import(owner, ID, fetched)
    await settled()
    t.match(image(), {
      status: 'active',
      diskFormat: 'raw',
      size: 5,
      properties: {
        hw_disk_bus: 'scsi',
        os_hidden: undefined,
        other: undefined,
        os_glance_import_task: undefined,
      },
    })
    const base = `http://north.example:9292/v2/images/${remote.imageId}`
    t.strictSame(urls, [`${base} secret`, `${base}/file secret`])
    t.notMatch(JSON.stringify(tasks()), 'secret')
    t.match(tasks(), [{ input: { import_req: { method: { glance_region: 'north' } } } }])

    const failures: [object, RegExp, Partial<typeof remote>?][] = [
      [{ ...description, status: 'queued' }, /should be active/],
      [{ ...description, size: 6 }, /has sent 5 bytes/],
      [{ ...description, size: null }, /does not say how large/],
      [{ ...description, disk_format: 'strange' }, /formats/],
      [[], /something else than an image/],
      [description, /catalogue has no image service/, { endpoint: null } as never],
    ]
    for (const [answer, message, other] of failures) {
      said = answer
      registers.put(imageOf({ diskFormat: 'qcow2' }))
      await service.import(owner, ID, { ...fetched, remote: { ...remote, ...other } })
      await settled()
      t.match(image(), { status: 'queued', diskFormat: 'qcow2' }, String(message))
      t.match(tasks().at(-1), { status: 'failure', message })
    }
    await t.rejects(service.import(owner, ID, { ...fetched, remote: null }), { code: 'INVALID' })
  },
)
