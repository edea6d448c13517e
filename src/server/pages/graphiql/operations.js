/**
 * Reads the operations of a document, by kind and name. GraphiQL parses the document too, but only
 * some time after a keystroke or a change of tab: a subscription run immediately would be taken for
 * the previous query.
 */
export function readOperations(document) {
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
