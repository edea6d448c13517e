/* global YogaGraphiQL */
// Runs in the browser, as it is. GraphiQL's own transport sends the headers of a tab neither in `connection_init` nor on
// the socket at all, so that a token typed there would not count for subscriptions; this one does.
import { createClient } from './graphql-ws/client.js'

const { options, workers, endpoint } = JSON.parse(document.querySelector('#options').textContent)
self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_module, label) => workers[label] }

/** Headers without those left empty, as the prepared `Authorization` is until somebody fills it in. */
function given(headers) {
  return Object.fromEntries(Object.entries(headers ?? {}).filter(([, value]) => value !== ''))
}

/**
 * The operations of a document, by kind and name. GraphiQL tells what it has parsed, but only some time after a keystroke
 * or a change of tab: run at once, a subscription would be taken for the query before it.
 */
function readOperations(document) {
  const bare = document.replace(/"""[\s\S]*?"""|"(?:[^"\\\n]|\\.)*"|#.*/g, '')
  const found = []
  let depth = 0
  let isOpen = false
  for (const [token] of bare.matchAll(/[{}()]|[A-Za-z_]\w*/g)) {
    if (token === '{' || token === '(') {
      if (depth === 0 && !isOpen) found.push({ kind: 'query' })
      isOpen = true
      depth++
    } else if (token === '}' || token === ')') {
      depth--
      if (depth === 0 && token === '}') isOpen = false
    } else if (depth === 0 && !isOpen) {
      found.push({ kind: token })
      isOpen = true
    } else if (depth === 0) found.at(-1).name ??= token
  }
  return found.filter(({ kind }) => kind !== 'fragment')
}

/** One socket for each run, so that the headers are those of the tab at that moment. */
function subscribe(params, headers) {
  const url = new URL(endpoint, location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  let refusal
  const client = createClient({
    url: url.href,
    connectionParams: headers,
    retryAttempts: 60,
    retryWait: (retries) => new Promise((resolve) => setTimeout(resolve, Math.min(5_000, 250 * 2 ** retries))),
    shouldRetry: (event) => event?.code !== 4403,
    on: {
      closed: ({ code, reason }) => {
        if (code >= 4400 && reason) refusal = `${reason} (${code})`
      },
    },
  })
  const results = client.iterate(params)
  return {
    async next() {
      try {
        return await results.next()
      } catch (error) {
        if (refusal !== undefined && !Array.isArray(error)) throw new Error(refusal)
        throw error
      }
    },
    async return() {
      await results.return()
      await client.dispose()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

async function request(params, headers) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json, application/json',
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify(params),
  })
  return response.json()
}

const fetcher = (params, { headers } = {}) => {
  const operations = readOperations(params.query)
  const chosen = operations.find(({ name }) => name === params.operationName) ?? operations[0]
  const current = { ...params, operationName: operations.length > 1 ? params.operationName : chosen?.name }
  return chosen?.kind === 'subscription' ? subscribe(current, given(headers)) : request(current, given(headers))
}

YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), { ...options, fetcher })
