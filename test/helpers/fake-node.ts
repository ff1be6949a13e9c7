/**
 * A process that looks like a node from outside: takes `start --config-file FILE`, listens on the API and operator ports
 * and says that it is ready. For tests of what starts and ends nodes.
 */
import { createServer } from 'node:http'
import { loadConfig } from '../../node/config/load.ts'

const [, , command, flag, file] = process.argv
if (command !== 'start' || flag !== '--config-file' || file === undefined)
  throw new Error('unexpected arguments')

const { config } = await loadConfig({ files: [file], directories: [] }, process.env)
const { bindHost, bindPort } = config.default

createServer((request, response) => {
  const isKnown = request.url === '/ready' || request.url === '/healthcheck'
  response.writeHead(isKnown ? 200 : 404).end(JSON.stringify({ limit: config.default.limitParamDefault }))
}).listen(bindPort, bindHost)
console.log('a fake node listens')
