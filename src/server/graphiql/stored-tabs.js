// GraphiQL restores the tabs of the last visit from localStorage, and ignores those that the server has prepared then.
import { readOperations } from './operations.js'

const preparedKey = 'tidings:prepared-tabs'
const tabsKey = 'graphiql:tabState'

/**
 * Brings the stored tabs up to date before GraphiQL reads them: a tab that is still as an earlier visit prepared it becomes
 * as it is prepared now, with new ids; a tab that is prepared for the first time is added. What the user has changed or
 * closed is left as it is.
 */
export function refreshStoredTabs(prepared, storage) {
  const current = prepared.map(({ query, variables = '' }) => ({ name: nameOf(query), query, variables }))
  const before = read(storage, preparedKey) ?? []
  storage.setItem(preparedKey, JSON.stringify(current))
  const stored = read(storage, tabsKey)
  if (!Array.isArray(stored?.tabs)) return
  const tabs = stored.tabs.map((tab) => {
    const earlier = before.find(({ query, variables }) => query === tab.query && variables === (tab.variables ?? ''))
    const now = current.find(({ name }) => name === earlier?.name)
    return now === undefined ? tab : { ...tab, query: now.query, variables: now.variables }
  })
  const isKnown = (name) =>
    [...before, ...tabs.map(({ query }) => ({ name: nameOf(query ?? '') }))].some((tab) => tab.name === name)
  for (const { name, query, variables } of current)
    if (!isKnown(name))
      tabs.push({
        id: crypto.randomUUID(),
        title: name,
        query,
        variables,
        headers: null,
        operationName: name,
        response: null,
      })
  storage.setItem(tabsKey, JSON.stringify({ ...stored, tabs }))

  // The editors begin with these; GraphiQL would open another tab for a query that is in none.
  const active = tabs[stored.activeTabIndex]
  const former = stored.tabs[stored.activeTabIndex]
  if (active === undefined || active === former) return
  storage.setItem('graphiql:query', active.query)
  storage.setItem('graphiql:variables', active.variables)
  const url = new URL(location.href)
  if (url.searchParams.get('query') !== former.query) return
  url.searchParams.set('query', active.query)
  history.replaceState({}, '', url)
}

const nameOf = (query) => readOperations(query)[0]?.name ?? query

function read(storage, key) {
  try {
    return JSON.parse(storage.getItem(key) ?? 'null')
  } catch {
    // Written by something else: as if there was nothing.
    return null
  }
}
