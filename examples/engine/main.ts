import { once } from 'node:events'
import { start } from './server.ts'

await using resources = new AsyncDisposableStack()
const { url } = await start(process.env, resources)
console.log(`${url}/graphql`)
await once(process, 'SIGTERM')
