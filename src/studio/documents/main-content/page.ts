import { runInNewContext } from 'node:vm'
import { Readability } from '@mozilla/readability'
import { parseHTML } from 'linkedom'
import { type DefaultTreeAdapterTypes, serialize } from 'parse5'

type Page = DefaultTreeAdapterTypes.Document
type PageElement = DefaultTreeAdapterTypes.Element

/** The elements of a page that belong to its main content. */
export type MainElements = ReadonlySet<PageElement>

/** The main content of a page. */
export interface MainContent {
  /** Absent when it was not found: then all but the footers is main content. */
  readonly elements?: MainElements
  /** Why the page was not searched, as a sentence for the user who imported it. */
  readonly note?: string
}

/** Larger pages are not searched: the search takes many times the memory of their text. */
const maxElements = 50_000
const maxCharacters = 2_000_000
/** Wall-clock limit of the search, whose time is quadratic in the depth and width of a page. */
const defaultTimeoutMs = 10_000
/** Name of the attribute that identifies an element, with its number. */
const mark = 'data-n'

const noteOf = (reason: string): MainContent => ({
  note: `The page was too ${reason} to find its article: quizzes and roadmaps leave out only its footers.`,
})
const tooLarge = noteOf('large')
const tooComplex = noteOf('complex')

/**
 * Finds the main content of a page with Mozilla Readability: the article without navigation,
 * footers, comments and advertisements.
 *
 * @param page - unchanged afterwards
 * @param timeoutMs - the maximum blocking time of the search; 10,000 by default
 */
export function findMainElements(page: Page, timeoutMs = defaultTimeoutMs): MainContent {
  const elements = elementsOf(page)
  if (elements.length > maxElements) return tooLarge
  let main: MainContent = {}
  try {
    if (serialize(page).length > maxCharacters) return tooLarge
    const html = serializeMarked(page, elements)
    const search = (): void => {
      main = readMain(html, elements)
    }
    // Only the run of a script can be interrupted.
    runInNewContext('search()', { search }, { timeout: timeoutMs })
  } catch (error) {
    if (error instanceof RangeError || isTimeout(error)) return tooComplex
    throw error
  }
  return main
}

/** Whether a script was interrupted. The error is of the context of the script, not an `Error` of this one. */
function isTimeout(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
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

function readMain(html: string, elements: readonly PageElement[]): MainContent {
  let root: Element | null | undefined
  try {
    const { document } = parseHTML(html)
    root = new Readability(document, { disableJSONLD: true, serializer: (article) => article as Element }).parse()
      ?.content
  } catch {
    // Both may fail on a page that is not as their authors expect.
    return tooComplex
  }
  if (!root) return {}
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
  return { elements: main }
}
