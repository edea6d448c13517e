/* global YogaGraphiQL */
// Runs in the browser without a build step. GraphiQL shows one result at a time and redraws its
// editor for each: a subscription with a thousand events freezes it. Events go to a log instead,
// and GraphiQL receives only the end of the run.
import { createEventLog } from './event-log.js'
import { readOperations } from './operations.js'
import { refreshStoredTabs } from './stored-tabs.js'
import { openSubscription } from './subscribe.js'

const { options, workers, endpoint } = JSON.parse(document.querySelector('#options').textContent)
self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_module, label) => workers[label] }
const transportKey = 'tidings:transport'
/** The prepared subscription to the events of a task. */
const watchQuery = options.defaultTabs?.find(
  ({ query }) => /\$taskId\s*:/.test(query) && readOperations(query)[0]?.kind === 'subscription',
)?.query

/** Returns the headers that have a value; the prepared `Authorization` has none until the user fills it in. */
function withoutEmpty(headers) {
  return Object.fromEntries(Object.entries(headers ?? {}).filter(([, value]) => !/^(Bearer\s*)?$/i.test(value)))
}

/**
 * The log of each tab and its location: alone, or below the result of the mutation that started the
 * task.
 */
const logs = new Map()
let activeTab = null

function showLog() {
  const response = document.querySelector('.graphiql-response')
  const { log, place } = logs.get(activeTab) ?? {}
  for (const element of response.querySelectorAll(':scope > .event-log')) if (element !== log?.element) element.remove()
  if (log === undefined) delete response.dataset.eventLog
  else {
    response.dataset.eventLog = place
    if (log.element.parentElement !== response) response.append(log.element)
  }
}

/**
 * Subscribes, and shows the events in the log of a tab.
 *
 * @param first - the value that GraphiQL shows in its editor; the iterator then ends with the
 * subscription
 * @returns an iterator for GraphiQL; its stop button calls `return`
 */
function follow(tab, params, headers, place, first) {
  const transport = localStorage.getItem(transportKey) ?? 'websocket'
  const ended = Promise.withResolvers()
  let isStopped = false
  const log = createEventLog({
    transport,
    onTransport(name) {
      localStorage.setItem(transportKey, name)
      subscription.switchTransport(name)
    },
  })
  logs.set(tab, { log, place })
  showLog()
  const subscription = openSubscription({
    endpoint,
    params,
    headers,
    transport,
    listener: {
      onResult: log.add,
      onRestart: () =>
        log.note('Starts over: an operation resumes when it declares $after, passes it on and selects cursor.'),
      onState(state, reason) {
        if (state === 'live') log.setState('Live', 'good')
        else if (state === 'connecting') log.setState('Connecting …', 'busy')
        else {
          log.setState('Reconnecting …', 'busy')
          if (reason !== null) log.note(`${reason}. Connecting again.`)
        }
      },
      onEnd(errors) {
        if (errors !== null) log.add({ errors })
        if (errors !== null) log.setState('Refused', 'bad')
        else log.setState(isStopped ? 'Stopped' : 'Completed', 'idle')
        ended.resolve({ done: true, value: undefined })
      },
    },
  })
  let isFirst = true
  return {
    async next() {
      if (!isFirst) return ended.promise
      isFirst = false
      return { done: false, value: first }
    },
    async return() {
      isStopped = true
      subscription.close()
      return ended.promise
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

/** Returns the id of the task that a mutation has started. */
function startedTask({ data }) {
  return Object.values(data ?? {})[0]?.task?.id
}

const fetcher = async (params, { headers } = {}) => {
  // The user may open another tab during the request.
  const tab = activeTab
  const operations = readOperations(params.query)
  const chosen = operations.find(({ name }) => name === params.operationName) ?? operations[0]
  const current = { ...params, operationName: operations.length > 1 ? params.operationName : chosen?.name }
  const sent = withoutEmpty(headers)
  if (chosen?.kind === 'subscription') return follow(tab, current, sent, 'alone', { events: 'in the log' })
  // GraphiQL requests the schema on its own, at any time.
  if (params.operationName !== 'IntrospectionQuery') {
    logs.delete(tab)
    showLog()
  }
  const result = await request(current, sent)
  const taskId = chosen?.kind === 'mutation' && watchQuery !== undefined ? startedTask(result) : undefined
  return taskId === undefined
    ? result
    : follow(tab, { query: watchQuery, variables: { taskId } }, sent, 'below', result)
}

function onTabChange({ tabs, activeTabIndex }) {
  activeTab = tabs[activeTabIndex]?.id ?? null
  const ids = tabs.map(({ id }) => id)
  for (const id of logs.keys()) if (!ids.includes(id)) logs.delete(id)
  showLog()
}

refreshStoredTabs(options.defaultTabs ?? [], localStorage)
// GraphiQL fills in the variables of the first prepared tab only when the tab is selected again.
const isFirstVisit = localStorage.getItem('graphiql:tabState') === null
const variables = isFirstVisit ? options.defaultTabs?.[0]?.variables : undefined
YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), { ...options, variables, fetcher, onTabChange })
