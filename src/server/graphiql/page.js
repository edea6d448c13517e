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

function isSubscription({ operationName }, documentAST) {
  const operations = documentAST?.definitions.filter(({ kind }) => kind === 'OperationDefinition') ?? []
  const chosen = operationName ? operations.find(({ name }) => name?.value === operationName) : operations[0]
  return chosen?.operation === 'subscription'
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
        // GraphiQL shows what is thrown as an object without its fields.
        throw Array.isArray(error) ? { errors: error } : error
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

const fetcher = (params, { headers, documentAST } = {}) =>
  isSubscription(params, documentAST) ? subscribe(params, given(headers)) : request(params, given(headers))

YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), { ...options, fetcher })
