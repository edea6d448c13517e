// Shows the events of a subscription as a log.

/** Older events are dropped from the log. */
const maxEntries = 2_000
/** Pause between two redraws. A redraw that takes long makes the next pause longer. */
const redrawMs = 250
const maxPreview = 200

/**
 * Creates an empty log. It redraws a few times per second, however many events arrive.
 *
 * @param options.transport - the selected transport, `websocket` or `sse`
 * @param options.onTransport - called when the user selects another one
 */
export function createEventLog({ transport, onTransport }) {
  const startedAt = Date.now()
  /** Received, oldest first; the rows show those that match the filter. */
  let entries = []
  /** Received but not rendered yet. */
  let pending = []
  let total = 0
  let isPaused = false
  let needsRebuild = false
  let isScheduled = false
  let redrawTookMs = 0
  let state = ''

  const status = create('span', { className: 'event-log-status', role: 'status' })
  const count = create('span', { className: 'event-log-count' })
  const transports = create('select', { title: 'Transport. A change continues after the last event.' })
  transports.append(new Option('WebSocket', 'websocket'), new Option('SSE', 'sse'))
  transports.value = transport
  transports.ariaLabel = 'Transport'
  transports.onchange = () => onTransport(transports.value)
  const filter = create('input', { type: 'search', placeholder: 'Filter', ariaLabel: 'Filter events' })
  filter.oninput = () => {
    needsRebuild = true
    schedule()
  }
  const pause = createButton('Pause', () => {
    isPaused = !isPaused
    pause.textContent = isPaused ? 'Resume' : 'Pause'
    pause.ariaPressed = String(isPaused)
    schedule()
  })
  const copy = createButton('Copy', async () => {
    const shown = entries.filter(matches).map(({ payload }) => payload)
    copy.textContent = (await copyText(JSON.stringify(shown, null, 2))) ? 'Copied' : 'Copy failed'
    setTimeout(() => {
      copy.textContent = 'Copy'
    }, 1_500)
  })
  const clear = createButton('Clear', () => {
    entries = []
    pending = []
    total = 0
    needsRebuild = true
    schedule()
  })
  const bar = create('div', { className: 'event-log-bar' })
  bar.append(status, count, transports, filter, pause, copy, clear)
  const heads = create('div', { className: 'event-log-row event-log-heads' })
  heads.append(
    createCell('Time'),
    createCell('Seq'),
    createCell('Type'),
    createCell('Delay', 'From `at` on the server to the arrival in this page; the clocks of both count'),
    createCell('Payload'),
  )
  const list = create('div', { className: 'event-log-list', tabIndex: 0, role: 'log', ariaLabel: 'Events' })
  // An `aria-live` log is read out as it grows, which would read out every event.
  list.ariaLive = 'off'
  const element = create('section', { className: 'event-log', ariaLabel: 'Event log' })
  element.append(bar, heads, list)

  const matches = (entry) => {
    const words = filter.value.trim().toLowerCase()
    return words === '' || `${entry.type} ${entry.text}`.toLowerCase().includes(words)
  }
  const schedule = () => {
    if (isScheduled) return
    isScheduled = true
    setTimeout(redraw, Math.max(redrawMs, 3 * redrawTookMs))
  }
  const redraw = () => {
    isScheduled = false
    const before = performance.now()
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40
    if (!isPaused) {
      for (const entry of pending) entry.text ??= JSON.stringify(entry.payload)
      const added = pending
      pending = []
      const removed = Math.max(0, entries.length + added.length - maxEntries)
      entries = [...entries, ...added].slice(-maxEntries)
      if (removed > 0 && filter.value !== '') needsRebuild = true
      if (!needsRebuild) {
        for (let row = 0; row < removed; row++) list.firstChild?.remove()
        list.append(...added.slice(-maxEntries).filter(matches).map(createRow))
      }
    }
    if (needsRebuild) list.replaceChildren(...entries.filter(matches).map(createRow))
    needsRebuild = false
    const held = isPaused && pending.length > 0 ? `, ${pending.length} not shown` : ''
    const dropped = total - entries.length - pending.length
    count.textContent = `${total} ${total === 1 ? 'event' : 'events'}${held}${dropped > 0 ? `, the first ${dropped} dropped` : ''}`
    status.textContent = state
    if (isAtEnd && !isPaused) list.scrollTop = list.scrollHeight
    redrawTookMs = performance.now() - before
  }
  const add = (entry) => {
    total++
    pending.push(entry)
    // Truncated in steps: removing the first element for each event would copy the array each time.
    if (pending.length >= 2 * maxEntries) pending = pending.slice(-maxEntries)
    schedule()
  }

  return {
    element,
    /** Adds a GraphQL result. */
    add(result) {
      add(toEntry(result, startedAt))
    },
    /** Adds a message of the page itself. */
    note(message) {
      add({ time: new Date(), seq: '', type: 'Note', delay: '', payload: { message }, isNote: true })
    },
    /** Sets the state of the connection. */
    setState(text, tone) {
      state = text
      status.dataset.tone = tone
      schedule()
    },
  }
}

/** Converts a result to a row: its first field is the event. */
function toEntry(result, startedAt) {
  const [field, event] = Object.entries(result.data ?? {})[0] ?? []
  const receivedAt = Date.now()
  const at = typeof event?.at === 'string' ? new Date(event.at) : null
  const hasFailed = result.errors !== undefined
  return {
    time: at ?? new Date(receivedAt),
    seq: event?.seq ?? '',
    type: event?.__typename ?? (hasFailed ? 'Error' : field),
    delay: at === null ? '' : at.getTime() < startedAt ? 'replayed' : formatMs(receivedAt - at.getTime()),
    payload: hasFailed ? result : event,
    isError: hasFailed,
  }
}

function createRow({ time, seq, type, delay, payload, isError, isNote }) {
  const row = create('details', { className: 'event-log-entry' })
  if (isError) row.classList.add('is-error')
  if (isNote) row.classList.add('is-note')
  const summary = create('summary', { className: 'event-log-row' })
  summary.append(
    createCell(formatTime(time), time.toISOString()),
    createCell(String(seq)),
    createCell(type),
    createCell(delay),
    createCell(isNote ? payload.message : previewOf(payload)),
  )
  row.append(summary)
  row.addEventListener(
    'toggle',
    () => row.append(create('pre', { textContent: JSON.stringify(payload, null, 2), tabIndex: 0 })),
    { once: true },
  )
  return row
}

/**
 * Formats the payload on one line: the distinguishing fields of the event first, without those
 * shown in other columns.
 */
function previewOf(payload) {
  if (typeof payload !== 'object' || payload === null) return JSON.stringify(payload ?? null).slice(0, maxPreview)
  const { __typename, cursor, seq, at, taskId, status, progress, ...rest } = payload
  return JSON.stringify({ ...rest, status, progress })
    .slice(1, 2 * maxPreview)
    .replaceAll(/"(\w+)":/g, '$1: ')
    .slice(0, maxPreview)
}

const formatTime = (time) =>
  `${[time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')}.${String(time.getMilliseconds()).padStart(3, '0')}`
const formatMs = (ms) => (Math.abs(ms) < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`)

function create(name, properties) {
  return Object.assign(document.createElement(name), properties)
}
function createCell(textContent, title = '') {
  return create('span', { textContent, title: title || textContent })
}
function createButton(textContent, onclick) {
  return create('button', { type: 'button', textContent, onclick })
}

/**
 * @returns false when the browser does not allow it: the clipboard API exists on secure origins
 * only
 */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = create('textarea', { value: text })
    document.body.append(area)
    area.select()
    // Deprecated, and the only way to copy for a page on plain http.
    const isCopied = document.execCommand('copy')
    area.remove()
    return isCopied
  }
}
