import { createTidings, TidingsError } from 'tidings'
import { closeMonth } from './tasks.ts'

/** The sessions of your application, by the value of its cookie. */
const sessions = new Map([
  ['session-of-ada', { user: 'user_ada', endsAt: new Date('2100-01-01') }],
  ['session-of-grace', { user: 'user_grace', endsAt: new Date('2100-01-01') }],
  ['session-of-eve', { user: 'user_eve', endsAt: new Date('2100-01-01') }],
])

const tidings = createTidings({
  tasks: [closeMonth],
  databaseUrl: process.env['DATABASE_URL'],
  introspection: 'viewers',
  async authenticate({ headers, connectionParams }) {
    // A page of this origin sends its cookie with requests and WebSockets; other clients send the payload of `connection_init`.
    const fromCookie = /(?:^|; )session=([^;]*)/.exec(headers.cookie ?? '')?.[1]
    const key = fromCookie ?? connectionParams?.['session']
    if (key === undefined) return null
    const session = sessions.get(String(key))
    if (session === undefined) throw new TidingsError('UNAUTHENTICATED', 'The session has ended; log in again')
    return { userId: session.user, expiresAt: session.endsAt }
  },
})
const { url } = await tidings.listen({ port: Number(process.env['PORT'] ?? 4000) })
console.log(url)
process.once('SIGTERM', () => {
  void tidings[Symbol.asyncDispose]()
})
