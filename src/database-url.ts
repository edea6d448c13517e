/** The forms of `DATABASE_URL`, for errors. */
export const databaseUrlForms =
  'a URL that begins with postgres:// or postgresql://, with one host or several (postgres://user:password@host1:5432,host2:5432/name)'

/**
 * Splits the URL of a database that names several servers, as libpq accepts it, into one URL for each: `new URL` accepts
 * no list of hosts.
 *
 * @returns the URL itself if it names one server
 * @throws RangeError if it is no URL of PostgreSQL; the message contains no password
 * @example
 * splitDatabaseUrl('postgres://ada:secret@a:5432,b/tidings')
 * // ['postgres://ada:secret@a:5432/tidings', 'postgres://ada:secret@b/tidings']
 */
export function splitDatabaseUrl(text: string): readonly [string, ...string[]] {
  const schemeEnd = text.indexOf('://') + 3
  const scheme = text.slice(0, schemeEnd)
  if (scheme !== 'postgres://' && scheme !== 'postgresql://') throw new RangeError('is no URL of PostgreSQL')
  const pathStart = text.slice(schemeEnd).search(/[/?]/)
  const authorityEnd = pathStart === -1 ? text.length : schemeEnd + pathStart
  const authority = text.slice(schemeEnd, authorityEnd)
  const hostsStart = authority.lastIndexOf('@') + 1
  const [first = '', ...others] = authority
    .slice(hostsStart)
    .split(',')
    .map((host) => `${scheme}${authority.slice(0, hostsStart)}${host}${text.slice(authorityEnd)}`)
  for (const url of [first, ...others])
    if (!URL.canParse(url)) throw new RangeError('has a host or a port that is none')
  if (others.length > 0 && [first, ...others].some((url) => new URL(url).hostname === ''))
    throw new RangeError('has an empty host')
  return [first, ...others]
}
