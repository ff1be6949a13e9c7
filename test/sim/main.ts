/** `npm run test:sim -- --seeds N` runs N seeds; `-- --seed S` runs one, for a closer look. */
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string' } } })
if (values.seeds !== undefined) process.env['SERAC_SIM_SEEDS'] = values.seeds
if (values.seed !== undefined) process.env['SERAC_SIM_SEED'] = values.seed
await import('./registers.test.ts')
