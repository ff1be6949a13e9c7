/** The storage that other tests put under registers must be a RegisterStorage like the real one. */
import t from 'tap'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../../helpers/memory-register-storage.ts'
import { registerStorageSuite } from '../../suites/register-storage.ts'

registerStorageSuite(t, {
  name: 'memory',
  open: (_t, { logEntriesMax }) =>
    Promise.resolve(new MemoryRegisterStorage(new MemoryRegisterDisk('d'.repeat(32)), { logEntriesMax })),
})
