/** The definitions that come with Glance, once they were loaded into both. */
import { cases, get } from '../case.ts'
import { stockFiles } from '../stock.ts'

const names = (await stockFiles()).map(({ content }) => content.namespace)
const as = 'admin'

export default cases('stock', {
  ...Object.fromEntries(
    names.map((name) => {
      const path = `/v2/metadefs/namespaces/${name}`
      return [name, [get(path, { as }), get(`${path}?resource_type=OS::Nova::Flavor`, { as: 'reader' })]]
    }),
  ),
  all: [
    get('/v2/metadefs/namespaces?sort_key=namespace&sort_dir=asc&limit=100', { as }),
    get('/v2/metadefs/namespaces?sort_key=namespace&sort_dir=asc&limit=10', { as: 'other', walk: true }),
    get('/v2/metadefs/namespaces?sort_key=namespace&resource_types=OS::Nova::Server,OS::Cinder::Volume', {
      as,
    }),
    get('/v2/metadefs/resource_types', { as }),
  ],
})
