import { plainText, renderText } from './codes.ts'
import { type PhraseKind, stemOfPhrase, stemsIn } from './phrases.ts'
import type { Reading } from './reading.ts'

/** The kind of an entry: a phrase of a text, or a name in its code. */
export type EntryKind = PhraseKind | 'METHOD' | 'CLASS' | 'TERM'

/** A word, phrase or name that can be an answer of a question. */
export interface Entry {
  readonly kind: EntryKind
  /** As Markdown. */
  readonly shown: string
  /** As plain text, in lower case. */
  readonly plain: string
  readonly stem: string
  /** Stems of its significant words. */
  readonly stems: readonly string[]
  readonly words: number
  /** Number of occurrences. */
  readonly count: number
}

/** A line of code with a name that a question can ask for. */
export interface CodeName {
  readonly kind: 'METHOD' | 'CLASS'
  readonly name: string
  readonly line: string
  readonly language: string
  /** Offset of the name in the line. */
  readonly start: number
}

/** Collects possible answers from a reading: its phrases, the terms it defines, the names in its code. */
export function collectEntries(reading: Reading): Entry[] {
  const { source } = reading
  const entries = new Map<string, Entry>()
  const add = (kind: EntryKind, text: string, shown: string): void => {
    const plain = plainText(text, source).toLowerCase()
    if (plain.length > maxEntryCharacters) return
    const existing = entries.get(`${kind} ${plain}`)
    const entry = existing ?? {
      kind,
      shown,
      plain,
      stem: stemOfPhrase(text, source),
      stems: answerStems(text, source),
      words: plain.split(/\s+/).length,
      count: 0,
    }
    entries.set(`${kind} ${plain}`, { ...entry, count: entry.count + 1 })
  }
  for (const { kind, text } of reading.phrases.flat()) {
    add(kind, text, renderText(asInSentence(kind, text), source))
  }
  for (const { term } of source.definitions) add('TERM', term, renderText(term, source))
  for (const { kind, name } of findCodeNames(reading)) add(kind, name, `\`${name}\``)
  return [...entries.values()]
}

/**
 * Stems that two answers must not share. A piece of code is one stem: `src/log` and `src/db` are
 * different answers, `read()` and `read(text)` are the same.
 */
export function answerStems(text: string, source: Reading['source']): string[] {
  if (!/^[\ue000-\uf8ff]$/.test(text)) return stemsIn(text, source)
  return [
    plainText(text, source)
      .toLowerCase()
      .replace(/(?<=.)\(.*$/s, ''),
  ]
}

/** Lower-cases common words that are capitalised only as the start of a sentence. */
export function asInSentence(kind: EntryKind, text: string): string {
  const isCommon = kind === 'SINGULAR' || kind === 'PLURAL'
  return isCommon && text.slice(1) === text.slice(1).toLowerCase() ? text.toLowerCase() : text
}

/** Longer phrases are no answers. */
const maxEntryCharacters = 120
/** Longer lines are generated, or data. */
const maxCodeLine = 400

const callsAndClasses = /(?:(?<=[\w)\]]\.)([a-z][A-Za-z]{2,30})(?=\())|(?:(?<=\bnew )([A-Z][A-Za-z]{2,30})\b)/g

/** Finds called methods and constructed classes in the code of a source. */
export function findCodeNames({ source }: Reading): CodeName[] {
  return source.codeBlocks
    .filter(
      ({ language }) => !/^(sh|bash|shell|console|text|txt|json|yaml|yml|toml|ini|diff|md|markdown)$/i.test(language),
    )
    .flatMap(({ value, language }) =>
      value.split('\n').flatMap((line) => {
        const code = (line.split(/\/\/|#/, 1)[0] ?? '').slice(0, maxCodeLine).trimEnd()
        if (/^\s*console\./.test(code)) return []
        return [...code.matchAll(callsAndClasses)].map(({ index, 1: method, 2: className }): CodeName => {
          const name = method ?? className ?? ''
          const indent = code.length - code.trimStart().length
          return {
            kind: method === undefined ? 'CLASS' : 'METHOD',
            name,
            line: code.trim(),
            language,
            start: index - indent,
          }
        })
      }),
    )
}
