/**
 * Loaded before everything else in the processes of `npm test`. The runner records for its coverage, which is off, which
 * modules each process loads, by a hook that sends every one of them through another thread: 0.7 s of CPU per test file.
 */
import module from 'node:module'

const { register } = module

module.register = (specifier: string | URL, ...rest: unknown[]) => {
  if (String(specifier).includes('/@tapjs/processinfo/')) return
  Reflect.apply(register, module, [specifier, ...rest])
}
