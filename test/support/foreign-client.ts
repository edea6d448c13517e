/** Clients as a program without a library of GraphQL has them. */

/** Sends a query or a mutation to `/graphql`. @returns its data @throws Error with the whole response when it has errors */
export async function request(
  url: string,
  query: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify({ query }),
  })
  const text = await response.text()
  const body = JSON.parse(text) as { readonly data?: unknown; readonly errors?: unknown }
  if (body.errors !== undefined) throw new Error(text)
  return body.data
}

/**
 * Reads an event stream until it is complete.
 *
 * @param lastEventId - the `Last-Event-ID` of an `EventSource` that reconnects
 * @returns the values of the one field that the operation subscribes to
 * @throws Error when the stream ends otherwise
 */
export async function followStream(
  url: string,
  { query, variables }: { readonly query: string; readonly variables: object },
  lastEventId?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown[]> {
  const parameters = new URLSearchParams({ query, variables: JSON.stringify(variables) })
  const response = await fetch(`${url}/graphql?${parameters}`, {
    headers: {
      accept: 'text/event-stream',
      ...headers,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
  })
  const text = await response.text()
  if (!text.includes('event: complete')) throw new Error(`The stream is not complete: ${response.status} ${text}`)
  const frames = text.split('\n').filter((line) => line.startsWith('data: {'))
  return frames.map((line) => {
    const { data } = JSON.parse(line.slice('data: '.length)) as { readonly data?: object | null }
    if (data === null || data === undefined) throw new Error(line)
    return Object.values(data)[0] as unknown
  })
}
