// GraphiQL restores the tabs of the last visit from localStorage, and then ignores those prepared
// by the server.
import { readOperations } from './operations.js'

const preparedKey = 'tidings:prepared-tabs'
const tabsKey = 'graphiql:tabState'

/**
 * Updates the stored tabs before GraphiQL reads them: a tab that is unchanged since an earlier
 * visit prepared it is replaced by the current version, with new ids; a newly prepared tab is
 * added. Tabs that the user has changed or closed remain so.
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

  // The editors start with these values; GraphiQL would open another tab for a query that no tab
  // contains.
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
    // Written by other code: treated as missing.
    return null
  }
}
