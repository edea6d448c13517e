import { createYoga } from 'graphql-yoga'
import { useTidings } from 'tidings/yoga'
import { tidings } from '../../tidings.ts'

// A route handler has no WebSockets: clients take event streams, or polling.
const yoga = createYoga({
  schema: tidings.schema,
  graphqlEndpoint: '/graphql',
  fetchAPI: { Response },
  plugins: [useTidings(tidings)],
})

async function handle(request: Request): Promise<Response> {
  return await yoga.fetch(request)
}

export const dynamic = 'force-dynamic'
export { handle as GET, handle as OPTIONS, handle as POST }
