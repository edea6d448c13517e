import type { Nodes, Parents } from 'mdast'
import { parseMarkdown } from '../../text/markdown.ts'
import { safeUrl } from '../../text/text.ts'

const signs: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Escapes text for HTML content and attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => signs[sign] ?? sign)
}

/**
 * Renders Markdown as inert HTML: embedded HTML is shown as text, only safe links are kept, and
 * images are replaced by their description, as a preview loads nothing from other origins.
 */
export function renderMarkdown(markdown: string): string {
  return childrenOf(parseMarkdown(markdown))
}

/** Does the same for a text of a single paragraph, without the enclosing paragraph element. */
export function renderInline(markdown: string): string {
  const root = parseMarkdown(markdown)
  const [only] = root.children
  return root.children.length === 1 && only?.type === 'paragraph' ? childrenOf(only) : childrenOf(root)
}

function childrenOf(node: Parents): string {
  return node.children.map((child: Nodes) => render(child)).join('')
}

const wrap = (tag: string, inner: string): string => `<${tag}>${inner}</${tag}>`

function render(node: Nodes): string {
  switch (node.type) {
    case 'text':
    case 'html':
      return escapeHtml(node.value)
    case 'paragraph':
      return `${wrap('p', childrenOf(node))}\n`
    case 'heading':
      return `${wrap(`h${Math.min(6, node.depth + 1)}`, childrenOf(node))}\n`
    case 'emphasis':
      return wrap('em', childrenOf(node))
    case 'strong':
      return wrap('strong', childrenOf(node))
    case 'delete':
      return wrap('del', childrenOf(node))
    case 'inlineCode':
      return wrap('code', escapeHtml(node.value))
    case 'code':
      return `<pre><code>${escapeHtml(node.value)}\n</code></pre>\n`
    case 'blockquote':
      return `${wrap('blockquote', `\n${childrenOf(node)}`)}\n`
    case 'list':
      return `${wrap(node.ordered === true ? 'ol' : 'ul', `\n${childrenOf(node)}`)}\n`
    case 'listItem': {
      const [only] = node.children
      return `${wrap('li', node.children.length === 1 && only?.type === 'paragraph' ? childrenOf(only) : childrenOf(node))}\n`
    }
    case 'break':
      return '<br>\n'
    case 'thematicBreak':
      return '<hr>\n'
    case 'link': {
      const url = safeUrl(node.url)
      const isAbsolute = url !== undefined && /^https?:/i.test(url)
      return isAbsolute ? `<a href="${escapeHtml(url)}" rel="noreferrer">${childrenOf(node)}</a>` : childrenOf(node)
    }
    case 'linkReference':
      return childrenOf(node)
    case 'image':
    case 'imageReference':
      return escapeHtml(node.alt ?? '')
    case 'table':
      return `${wrap('table', `\n${childrenOf(node)}`)}\n`
    case 'tableRow':
      return `${wrap('tr', childrenOf(node))}\n`
    case 'tableCell':
      return wrap('td', childrenOf(node))
    case 'root':
    case 'footnoteDefinition':
      return childrenOf(node)
    case 'definition':
    case 'footnoteReference':
    case 'yaml':
      return ''
  }
}
