import { runInNewContext } from 'node:vm'
import { Readability } from '@mozilla/readability'
import { parseHTML } from 'linkedom'
import { type DefaultTreeAdapterTypes, serialize } from 'parse5'

type Page = DefaultTreeAdapterTypes.Document
type PageElement = DefaultTreeAdapterTypes.Element

/** The elements of a page that belong to its main content. */
export type MainElements = ReadonlySet<PageElement>

/** Larger pages are main content as a whole: the search takes about 100 times the memory of their text. */
const maxElements = 50_000
const maxCharacters = 2_000_000
/** Wall-clock limit of the search, whose time is quadratic in the depth and width of a page. */
const timeoutMs = 10_000
/** Name of the attribute that identifies an element, with its number. */
const mark = 'data-n'

/**
 * Finds the main content of a page with Mozilla Readability: the article without navigation,
 * footers, comments and advertisements. Blocks for at most 10 seconds.
 *
 * @param page - unchanged afterwards
 * @returns undefined when the page has no recognizable main content, or is too large or too complex
 */
export function findMainElements(page: Page): MainElements | undefined {
  const elements = elementsOf(page)
  if (elements.length > maxElements) return undefined
  let main: Set<PageElement> | undefined
  const search = (): void => {
    const html = serializeMarked(page, elements)
    if (html.length <= maxCharacters) main = readMain(html, elements)
  }
  try {
    // Only a script of another context can be interrupted.
    runInNewContext('search()', { search }, { timeout: timeoutMs })
  } catch {
    // It took too long, or failed on a page that is not as its authors expect.
    return undefined
  }
  return main
}

function elementsOf(page: Page): PageElement[] {
  const elements: PageElement[] = []
  const open = [...page.childNodes]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if ('tagName' in node) elements.push(node)
    if ('childNodes' in node) for (const child of node.childNodes) open.push(child)
  }
  return elements
}

/**
 * Serializes a page whose elements have an attribute each. Names differ and not values: Readability
 * copies the attributes of an element onto the only child that replaces it.
 */
function serializeMarked(page: Page, elements: readonly PageElement[]): string {
  for (const [index, { attrs }] of elements.entries()) attrs.push({ name: `${mark}${index}`, value: '' })
  try {
    return serialize(page)
  } finally {
    for (const { attrs } of elements) attrs.pop()
  }
}

function readMain(html: string, elements: readonly PageElement[]): Set<PageElement> | undefined {
  const { document } = parseHTML(html)
  const article = new Readability(document, { disableJSONLD: true, serializer: (root) => root as Element }).parse()
  const root = article?.content
  if (!root) return undefined
  const main = new Set<PageElement>()
  for (const { attributes } of root.querySelectorAll('*'))
    for (const { name } of attributes) {
      const element = name.startsWith(mark) ? elements[Number(name.slice(mark.length))] : undefined
      if (element !== undefined) main.add(element)
    }
  // The article is the whole body, which Readability replaces with an element of its own.
  const isBody = [...(root.querySelector('#readability-page-1')?.childNodes ?? [])].some(
    ({ nodeType, textContent }) => nodeType === 3 && textContent?.trim() !== '',
  )
  const body = elements.find(({ tagName }) => tagName === 'body')
  if (isBody && body !== undefined) main.add(body)
  return main
}
