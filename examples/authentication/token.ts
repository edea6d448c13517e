import { SignJWT } from 'jose'

/** Signs a token for `createTidings({ jwtSecret })`. With `tasks`, it is valid for these tasks only. */
export async function issueToken(secret: string, userId: string, tasks?: readonly string[]): Promise<string> {
  return await new SignJWT({ sub: userId, ...(tasks === undefined ? {} : { tasks }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('15 minutes')
    .sign(new TextEncoder().encode(secret))
}
