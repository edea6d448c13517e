import type { Element } from 'hast'
import { writeNumber } from '../docx/list-numbers.ts'

/** A label that Markdown can write as the number of an item. */
const plainNumber = /^(\d{1,9})[.)]$/
/** The number formats of HTML lists, by their `type`. */
const formats: Readonly<Record<string, string>> = {
  a: 'lowerLetter',
  A: 'upperLetter',
  i: 'lowerRoman',
  I: 'upperRoman',
}

/**
 * Prepares a list for Markdown, which counts the items of a list one by one: a list is divided where
 * its numbers jump, and other labels, such as letters, become the beginning of their item.
 *
 * @param list - with `start` and `type`; its items with `value`, or with a `label` that Word shows
 */
export function prepareList(list: Element): Element[] {
  const inner = listsInside(list)
  if (inner !== undefined) return inner
  const format = formats[String(list.properties.type)]
  let open: Element = { ...list, properties: {}, children: [] }
  const lists = [open]
  let count = 0
  let next = Number(list.properties.start ?? 1)
  for (const item of list.children) {
    if (item.type !== 'element' || item.tagName !== 'li') {
      open.children.push(item)
      continue
    }
    const { label, value = next } = item.properties
    const isLabelled = typeof label === 'string'
    const number = Number(isLabelled ? (plainNumber.exec(label)?.[1] ?? Number.NaN) : value)
    const isNumbered = list.tagName === 'ol' && format === undefined && !Number.isNaN(number)
    const text = isLabelled ? label : format === undefined ? undefined : `${writeNumber(number, format)}.`
    if (!isNumbered && text !== undefined) item.children.unshift({ type: 'text', value: `${text} ` })
    const tagName = isNumbered ? 'ol' : 'ul'
    if (count > 0 && (open.tagName !== tagName || (isNumbered && number !== next))) {
      open = { ...list, children: [] }
      lists.push(open)
      count = 0
    }
    if (count === 0) {
      open.tagName = tagName
      open.properties = isNumbered ? { start: number } : {}
    }
    open.children.push(item)
    count += 1
    next = number + 1
  }
  return lists
}

/** The lists within a list that has no text of its own: an item that only indents them. */
function listsInside({ children }: Element): Element[] | undefined {
  const [item, ...otherItems] = children.filter((child) => child.type !== 'text' || child.value.trim() !== '')
  if (otherItems.length > 0 || item?.type !== 'element' || item.properties.label !== undefined) return undefined
  const lists = item.children.filter((child) => child.type !== 'text' || child.value.trim() !== '')
  const isList = (child: (typeof lists)[number]): child is Element =>
    child.type === 'element' && /^[ou]l$/.test(child.tagName)
  return lists.length > 0 && lists.every(isList) ? lists : undefined
}
