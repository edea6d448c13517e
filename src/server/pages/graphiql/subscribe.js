// Runs one subscription for the page over the selected transport, and resumes it when the
// connection is lost.
import { createClient } from './graphql-ws/client.js'

/** Close codes after which reconnecting with the same operation and headers cannot succeed. */
const finalCodes = [4400, 4401, 4403, 4406, 4409, 4429]
const maxPauseMs = 5_000
/** An event stream carries a comment at least every 12 s. */
const maxSilenceMs = 30_000
const pingMs = 10_000
const pongMs = 5_000

/**
 * Starts a subscription and keeps it running until it completes, is refused, or is closed. It
 * resumes after the last event: over SSE by `Last-Event-ID`; over WebSocket by the variable
 * `$after`, when the operation declares it and selects `cursor`.
 *
 * @param listener.onResult - called with each result
 * @param listener.onState - called with `connecting`, `live` or `waiting`; with the reason, the
 * first time after a lost connection
 * @param listener.onRestart - called when a resumed operation starts over, because it has no
 * position to resume from
 * @param listener.onEnd - called once, with the errors or null
 */
export function openSubscription({ endpoint, params, headers, transport, listener }) {
  const hasAfter = /\$after\s*:/.test(params.query)
  let name = transport
  let cursor = null
  let hasResults = false
  let failures = 0
  let stopAttempt = () => undefined
  let timer
  let isOver = false

  const end = (errors) => {
    if (isOver) return
    isOver = true
    clearTimeout(timer)
    stopAttempt()
    listener.onEnd(errors)
  }
  const connect = () => {
    clearTimeout(timer)
    stopAttempt()
    listener.onState('connecting', null)
    if (hasResults && (cursor === null || (name === 'websocket' && !hasAfter))) listener.onRestart()
    let isCurrent = true
    const during =
      (callback) =>
      (...values) => {
        if (isCurrent && !isOver) callback(...values)
      }
    const open = name === 'sse' ? openEventStream : openSocket
    const close = open(
      { endpoint, headers, cursor, params: hasAfter && cursor !== null ? resumeAfter(params, cursor) : params },
      {
        onOpen: during(() => listener.onState('live', null)),
        onResult: during((result, id) => {
          failures = 0
          hasResults = true
          cursor = id ?? cursorOf(result) ?? cursor
          listener.onResult(result)
        }),
        onLost: during((reason) => {
          isCurrent = false
          const pauseMs = Math.min(maxPauseMs, 250 * 2 ** failures++)
          listener.onState('waiting', failures === 1 ? reason : null)
          timer = setTimeout(connect, pauseMs)
        }),
        onEnd: during(end),
      },
    )
    stopAttempt = () => {
      isCurrent = false
      close()
    }
  }
  connect()

  return {
    close: () => end(null),
    /** Continues over another transport, after the last event. */
    switchTransport(next) {
      name = next
      if (!isOver) connect()
    },
  }
}

const resumeAfter = (params, cursor) => ({ ...params, variables: { ...params.variables, after: cursor } })

function cursorOf({ data }) {
  const cursor = Object.values(data ?? {})[0]?.cursor
  return typeof cursor === 'string' ? cursor : null
}

/** Whether the server asks the client to retry later. */
const isRetryable = (errors) => errors.some(({ extensions }) => extensions?.retryable === true)

/**
 * GraphiQL's own transport sends the headers of a tab neither in `connection_init` nor with the
 * socket; this one does.
 */
function openSocket({ endpoint, headers, params }, { onOpen, onResult, onLost, onEnd }) {
  const url = new URL(endpoint, location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  let pongTimer
  const client = createClient({
    url: url.href,
    connectionParams: headers,
    retryAttempts: 0,
    keepAlive: pingMs,
    on: {
      connected: onOpen,
      ping: (isReceived) => {
        if (!isReceived) pongTimer = setTimeout(() => client.terminate(), pongMs)
      },
      pong: () => clearTimeout(pongTimer),
    },
  })
  client.subscribe(params, {
    next: (result) => onResult(result, null),
    complete: () => onEnd(null),
    error(error) {
      if (Array.isArray(error)) {
        if (isRetryable(error)) onLost(error[0].message)
        else onEnd(error)
      } else if (finalCodes.includes(error?.code))
        onEnd([{ message: error.reason ? `${error.reason} (${error.code})` : `The server closed with ${error.code}` }])
      else onLost(error?.reason || 'The WebSocket was lost')
    },
  })
  return () => {
    clearTimeout(pongTimer)
    void client.dispose()
  }
}

function openEventStream({ endpoint, headers, cursor, params }, { onOpen, onResult, onLost, onEnd }) {
  const abort = new AbortController()
  let timer
  const feed = () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      onLost('The event stream went silent')
      abort.abort()
    }, maxSilenceMs)
  }
  const read = async () => {
    feed()
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        accept: 'text/event-stream',
        'content-type': 'application/json',
        ...headers,
        ...(cursor === null ? {} : { 'last-event-id': cursor }),
      },
      body: JSON.stringify(params),
      signal: abort.signal,
    })
    // The subscription was resumed after a terminal event.
    if (response.status === 204) return onEnd(null)
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) {
      const { errors } = await response.json().catch(() => ({}))
      const isFinal = response.status >= 400 && response.status < 500 && response.status !== 429
      const message = `The server answered with status ${response.status}`
      return isFinal && errors !== undefined ? onEnd(errors) : onLost(errors?.[0]?.message ?? message)
    }
    onOpen()
    let text = ''
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return onLost('The event stream was cut')
      feed()
      const blocks = (text + value).split('\n\n')
      text = blocks.pop()
      for (const block of blocks) {
        const { id = null, event, data } = parseEvent(block)
        if (event === 'complete') return onEnd(null)
        if (event !== 'next') continue
        const result = JSON.parse(data)
        if (result.errors !== undefined && (result.data ?? null) === null && isRetryable(result.errors))
          return onLost(result.errors[0].message)
        onResult(result, id)
      }
    }
  }
  read()
    .catch((error) => {
      if (!abort.signal.aborted) onLost(error.message)
    })
    .finally(() => clearTimeout(timer))
  return () => {
    clearTimeout(timer)
    abort.abort()
  }
}

/** Parses the fields of one server-sent event. This server writes `\n` only, and one line of data. */
function parseEvent(block) {
  return Object.fromEntries(
    block.split('\n').flatMap((line) => {
      const colon = line.indexOf(':')
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]] : []
    }),
  )
}
