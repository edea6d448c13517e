import type { Element, ElementContent, Root, RootContent } from 'hast'
import type { Root as Markdown } from 'mdast'
import rehypeParse from 'rehype-parse'
import rehypeRemark from 'rehype-remark'
import rehypeSanitize, { defaultSchema, type Options } from 'rehype-sanitize'
import remarkGfm from 'remark-gfm'
import remarkStringify from 'remark-stringify'
import { unified } from 'unified'
import { type DecodedText, decodeBytes, decodeMarked, decodeStrictly, decodeText } from './structure-decode.ts'
import { DocumentError } from './structure-error.ts'

/** A page as Markdown that is safe to show. */
export interface HtmlText {
  readonly markdown: string
  /** What the page calls itself; '' when it does not. */
  readonly title: string
  /** Whether there is a heading of the first level. */
  readonly hasHeading: boolean
  readonly images: number
  /** What else was left out, as sentences. */
  readonly notes: readonly string[]
}

/** Left out with all that is in them: they say nothing, or nothing to a reader. */
const dropped = new Set([
  ...['script', 'style', 'template', 'noscript', 'iframe', 'object', 'embed', 'applet', 'frame', 'frameset'],
  ...['input', 'button', 'select', 'textarea', 'datalist', 'nav', 'dialog', 'canvas', 'math', 'link', 'meta', 'base'],
])
const pictures = new Set(['img', 'image', 'picture', 'svg', 'video', 'audio', 'map'])
const forms = new Set(['input', 'button', 'select', 'textarea'])

const schema: Options = {
  ...defaultSchema,
  tagNames: (defaultSchema.tagNames ?? []).filter((name) => name !== 'img' && name !== 'input'),
  protocols: { href: ['http', 'https', 'mailto'] },
  attributes: { a: ['href'], ol: ['start'], td: ['align'], th: ['align'], code: [['className', /^language-./]] },
}
const parser = unified().use(rehypeParse).freeze()
const writer = unified()
  .use(rehypeSanitize, schema)
  .use(rehypeRemark)
  .use(remarkGfm)
  .use(remarkStringify, { bullet: '-', rule: '-', fences: true })
  .freeze()

/**
 * Turns a page into Markdown: what is on it, without scripts, pictures, forms and navigation, and with links to http, https and mailto
 * only. Blocks while it works.
 * @throws RangeError when its elements are nested too deeply
 */
export function htmlToMarkdown(html: string): HtmlText {
  const found = { images: 0, forms: 0, navigation: 0, title: '', hasHeading: false }
  const tidy = (nodes: readonly RootContent[]): RootContent[] =>
    nodes.flatMap((node): RootContent[] => {
      if (node.type !== 'element') return node.type === 'text' ? [node] : []
      const { tagName } = node
      if (tagName === 'title' && found.title === '') found.title = textOf(node).replace(/\s+/g, ' ').trim()
      if (pictures.has(tagName)) {
        found.images += 1
        const alt = node.properties['alt']
        return tagName === 'img' && typeof alt === 'string' && alt.trim() !== '' ? [{ type: 'text', value: alt }] : []
      }
      if (forms.has(tagName)) found.forms += 1
      if (tagName === 'nav') found.navigation += 1
      if (dropped.has(tagName) || tagName === 'title' || isHidden(node)) return []
      if (tagName === 'h1') found.hasHeading = true
      const children = tidy(node.children) as ElementContent[]
      const { href } = node.properties
      // Relative addresses lead nowhere from here.
      if (tagName === 'a' && !/^\s*(https?|mailto):/i.test(String(href ?? ''))) return children
      return [{ ...node, children }]
    })
  const tree = parser.parse(html)
  const root: Root = { type: 'root', children: tidy(tree.children) }
  const markdown = writer.runSync(root) as Markdown
  return {
    markdown: writer.stringify(markdown),
    title: found.title,
    hasHeading: found.hasHeading,
    images: found.images,
    notes: [
      ...(found.forms > 0 ? ['Form fields were left out.'] : []),
      ...(found.navigation > 0 ? ['Navigation was left out.'] : []),
    ],
  }
}

function isHidden({ properties }: Element): boolean {
  return (
    properties['hidden'] === true ||
    properties['hidden'] === '' ||
    /display\s*:\s*none/i.test(String(properties['style'] ?? ''))
  )
}

function textOf(node: Element): string {
  return node.children.map((child) => (child.type === 'text' ? child.value : '')).join('')
}

const metaCharset = /<meta[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]{1,40})/i

/**
 * Decodes a page: by its byte order mark, by the encoding it names, or like any other text.
 * @throws DocumentError `BAD_ENCODING` when it is not in the encoding that it names
 */
export function decodeHtml(bytes: Uint8Array): DecodedText {
  const marked = decodeMarked(bytes)
  if (marked !== undefined) return marked
  const head = decodeBytes(bytes.subarray(0, 8_192))
  const named = metaCharset.exec(head)?.[1]?.toLowerCase()
  // Whoever can write that it is UTF-16 in ASCII is not.
  const label = named?.startsWith('utf-16') ? 'utf-8' : named
  if (label === undefined) return decodeText(bytes)
  const asUtf8 = decodeStrictly('utf-8', bytes)
  const isUnicode = asUtf8 !== undefined && bytes.some((byte) => byte >= 0x80)
  let encoding: string
  try {
    encoding = new TextDecoder(label).encoding
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const { text, notes } = decodeText(bytes)
    return { text, notes: [`The page names an encoding that nobody knows, ${JSON.stringify(named)}.`, ...notes] }
  }
  if (asUtf8 !== undefined && (isUnicode || encoding === 'utf-8'))
    return {
      text: asUtf8,
      notes: encoding === 'utf-8' ? [] : [`The page says that it is ${encoding} and was read as UTF-8, which it is.`],
    }
  const text = decodeStrictly(encoding, bytes)
  if (text !== undefined) return { text, notes: [] }
  const lenient = new TextDecoder(encoding).decode(bytes)
  const damaged = lenient.match(/\ufffd/g)?.length ?? 0
  const whole = lenient.match(/[\u0080-\uffef]/g)?.length ?? 0
  if (whole > damaged * 4)
    return { text: lenient, notes: [`${damaged} characters of the page were damaged and are shown as \ufffd.`] }
  throw new DocumentError(
    'BAD_ENCODING',
    `The page says that it is ${encoding.toUpperCase()} and is not`,
    'Open the page in a browser, save it from there, and import that file; or correct the encoding it names.',
  )
}
