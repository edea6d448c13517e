import type { Element, ElementContent } from 'hast'

/** Elements that begin on a new line; their texts must not be joined. */
const blocks = new Set([
  ...['p', 'div', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'li', 'dl', 'dt', 'dd', 'pre', 'blockquote', 'hr'],
  ...['table', 'thead', 'tbody', 'tfoot', 'tr', 'td', 'th', 'details', 'summary', 'section'],
])
/** Content that a cell of a Markdown table cannot have without losing its structure. */
const layoutOnly = new Set(['table', 'pre', 'blockquote', 'hr'])
const isHeading = ({ tagName }: Element): boolean => /^h[1-6]$/.test(tagName)

function elementsIn(children: readonly ElementContent[]): Element[] {
  return children.flatMap((child) =>
    child.type === 'element' ? [child, ...elementsIn(child.children as ElementContent[])] : [],
  )
}

/**
 * Prepares a table for Markdown, whose cells contain one line: its captions become paragraphs above
 * it, and blocks in its cells are separated by spaces. A table that only arranges blocks on the page
 * is replaced by the content of its cells, in order.
 */
export function prepareTable(table: Element): ElementContent[] {
  const captions = table.children.filter((child) => child.type === 'element' && child.tagName === 'caption')
  const rows = elementsOf(table, 'tr')
  const cells = rows.flatMap((row) => cellsOf(row))
  const above = captions.map((caption): Element => ({ ...(caption as Element), tagName: 'div' }))
  if (isLayout(rows, cells))
    return [...above, ...cells.map((cell): Element => ({ ...cell, tagName: 'div', properties: {} }))]
  for (const cell of cells) cell.children = toLine(cell.children as ElementContent[])
  return [...above, { ...table, children: table.children.filter((child) => !captions.includes(child)) }]
}

/** Rows directly in a table or in its groups of rows, but not in a table within a cell. */
function elementsOf(parent: Element, name: string): Element[] {
  return parent.children.flatMap((child) => {
    if (child.type !== 'element') return []
    if (child.tagName === name) return [child]
    return /^t(head|body|foot)$/.test(child.tagName) ? elementsOf(child, name) : []
  })
}

function cellsOf(row: Element): Element[] {
  return row.children.filter((child) => child.type === 'element' && /^t[dh]$/.test(child.tagName)) as Element[]
}

function isLayout(rows: readonly Element[], cells: readonly Element[]): boolean {
  const isNarrow =
    rows.length < 2 || rows.every((row) => row.children.filter(({ type }) => type === 'element').length < 2)
  return cells.some((cell) => {
    const inside = elementsIn(cell.children as ElementContent[]).filter(({ tagName }) => blocks.has(tagName))
    if (inside.some(({ tagName }) => layoutOnly.has(tagName))) return true
    // A heading alone in a cell is the cell's text.
    return inside.length > 1 && (isNarrow || inside.some(isHeading))
  })
}

function toLine(children: readonly ElementContent[]): ElementContent[] {
  const space: ElementContent = { type: 'text', value: ' ' }
  return children.flatMap((child): ElementContent[] => {
    if (child.type !== 'element') return [child]
    const inner = toLine((child.tagName === 'ol' ? numberedItems(child) : child.children) as ElementContent[])
    return blocks.has(child.tagName) ? [space, ...inner, space] : [{ ...child, children: inner }]
  })
}

/** The items of a list, each with its number as text. */
function numberedItems({ properties, children }: Element): ElementContent[] {
  let number = Number(properties.start ?? 1)
  return (children as ElementContent[]).map((item) => {
    if (item.type !== 'element' || item.tagName !== 'li') return item
    const text: ElementContent = { type: 'text', value: `${number}. ` }
    number += 1
    return { ...item, children: [text, ...item.children] }
  })
}
