/** Makes as many identities as its argument says, in a process of its own: a hang of the engine ends with the process. */
import { createIdentity } from '../../../cluster/network/identity.ts'
import { systemRandom } from '../../../cluster/runtime.ts'

const count = Number(process.argv[2])
for (let made = 0; made < count; made++) createIdentity(systemRandom)
console.log(count)
