import type { Nodes } from 'mdast'
import { parseMarkdown } from '../text/markdown.ts'
import { stripTags } from '../text/text.ts'
import { type Citation, type QuestionSection, wordsOf } from './question.ts'

/** Fewer words prove nothing: they occur in any text. */
const minWords = 4
/** No provider reads more of a section. */
const maxCitableCharacters = 20_000

/** Finds passages in a document. Reads each section once. */
export interface CitationCheck {
  /**
   * Locates a quotation: in the named section, or else in the first section that contains it; null
   * when none does. Markup, case, punctuation and white space are ignored.
   */
  find(quotation: string, sectionKey?: string): Citation | null
}

/**
 * Creates a check of citations for one document.
 *
 * @param texts - the {@link citableText} of each section; by default computed in this process when
 * it is needed
 */
export function createCitationCheck(
  sections: readonly QuestionSection[],
  texts: readonly string[] = [],
): CitationCheck {
  const cache = new Map(texts.map((text, index) => [sections[index], text]))
  const textIn = (section: QuestionSection): string => {
    const cached = cache.get(section)
    if (cached !== undefined) return cached
    const text = citableText(section.body)
    cache.set(section, text)
    return text
  }
  return {
    find(quotation, sectionKey) {
      const needle = comparable(quotation)
      if (needle.trim().split(' ').length < minWords) return null
      const namedSection = sections.find(({ key }) => key === sectionKey)
      const citation =
        namedSection !== undefined && textIn(namedSection).includes(needle)
          ? namedSection
          : sections.find((section) => textIn(section).includes(needle))
      if (citation === undefined) return null
      return {
        sectionKey: citation.key,
        heading: citation.heading,
        quotation: quotation.replace(/\s+/g, ' ').trim(),
      }
    },
  }
}

/** Renders Markdown as the space-delimited words in which quotations are located. */
export function citableText(markdown: string): string {
  return comparable(shownText(parseMarkdown(markdown.slice(0, maxCitableCharacters))))
}

/** Space-delimited words, so that partial words do not match. */
function comparable(text: string): string {
  return ` ${wordsOf(text).join(' ')} `
}

/** The text as a page renders it: inline markup joins, blocks and cells are separated. */
function shownText(node: Nodes): string {
  if (node.type === 'html') return stripTags(node.value)
  if ('value' in node) return node.value
  if (node.type === 'break') return ' '
  if (!('children' in node)) return ''
  const isInline = node.type === 'paragraph' || node.type === 'heading' || node.type === 'tableCell'
  const isMark = ['emphasis', 'strong', 'delete', 'link', 'linkReference'].includes(node.type)
  return node.children.map(shownText).join(isInline || isMark ? '' : ' ')
}
