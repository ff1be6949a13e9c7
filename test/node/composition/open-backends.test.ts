import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { systemRandom } from '../../../cluster/runtime.ts'
import { loopDigest } from '../../helpers/loop-digest.ts'
import { openBackends } from '../../../node/composition/open-backends.ts'
import { loadConfig } from '../../../node/config/load.ts'

const FSID = 'e770f12b-d142-4664-8882-e057b5a40c2d'
const CEPH_CONF = `# made by hand\n[global]\n\tfsid = ${FSID}\nmon host = 127.0.0.1\n`
const SECRETS = {
  OS_VM__VMWARE_SERVER_PASSWORD: 'a secret',
  OS_DEFAULT__AUTH_STRATEGY: 'noauth',
  OS_DEFAULT__BIND_HOST: '127.0.0.1',
}

async function open(t: Test, cephConf = CEPH_CONF) {
  const directory = t.testdir({ 'ceph.conf': cephConf })
  const conf = join(directory, 'ceph.conf')
  const environment = {
    ...SECRETS,
    OS_CLUSTER__INITIAL_MEMBERS: `${createIdentity(systemRandom).id}@127.0.0.1:9293`,
    OS_DEFAULT__ENABLED_BACKENDS: 'ceph:rbd,vm:vmware',
    OS_CEPH__RBD_STORE_CEPH_CONF: conf,
    OS_CEPH__RBD_STORE_CHUNK_SIZE: '6',
    OS_VM__VMWARE_SERVER_HOST: 'vcenter.example',
    OS_VM__VMWARE_SERVER_USERNAME: 'glance',
    OS_VM__VMWARE_DATASTORES: 'dc/one:fast:10',
  }
  const { config } = await loadConfig({ files: [], directories: [] }, environment)
  const opened = await openBackends(config, { digest: loopDigest })
  t.teardown(() => opened.backends.close())
  return opened
}

t.test('stores in Ceph and vSphere are opened without either, and tell no secrets', async (t) => {
  const { backends, stores } = await open(t)
  t.equal(backends.objectFor('ceph', 'a').url, `rbd://${FSID}/images/a/snap`)
  t.equal(
    backends.objectFor('vm', 'a').url,
    'vsphere://vcenter.example/folder/openstack_glance/a?dsName=fast&dcPath=dc%2Fone',
  )
  const [, ceph, vm] = stores.all
  t.match(ceph, { type: 'rbd', properties: { pool: 'images', chunk_size: 4 * 1024 ** 2 } })
  t.match(vm, { type: 'vmware', properties: { datastores: ['dc/one:fast'] } })
  t.notMatch(JSON.stringify(stores.all), /secret/)
})

t.test('a ceph.conf without the fsid of its cluster ends the start with what is missing', async (t) => {
  for (const conf of [
    '[global]\nmon host = 127.0.0.1\n',
    `[client]\nfsid = ${FSID}\n`,
    '[global]\nfsid = x/y\n',
  ])
    await t.rejects(open(t, conf), { message: /the store ceph needs fsid under \[global\].*ceph fsid/ })
})
