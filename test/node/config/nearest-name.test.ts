import t from 'tap'
import { didYouMean, nearestName } from '../../../node/config/nearest-name.ts'

t.test('names the nearest, or none', async (t) => {
  const names = ['bind_host', 'bind_port', 'debug', 'key_file']
  t.equal(nearestName('bind_prt', names), 'bind_port')
  t.equal(nearestName('bindhost', names), 'bind_host')
  t.equal(nearestName('Debug', names), 'debug')
  t.equal(nearestName('keyfile', names), 'key_file')
  t.equal(nearestName('workers', names), null)
  t.equal(nearestName('x', []), null)
  t.equal(didYouMean('debg', names), ' (did you mean debug?)')
  t.equal(didYouMean('zzz', names), '')
})
