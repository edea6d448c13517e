import type { Question } from '../content/question.ts'
import { renderInline } from './markdown-html.ts'

/** The choices of a question, as HTML; empty for a free answer. */
export function optionsOf({ kind, options, answer }: Pick<Question, 'kind' | 'options' | 'answer'>): readonly {
  readonly key: string
  readonly html: string
  readonly isRight: boolean
}[] {
  if (kind === 'CLOZE') return []
  if (kind === 'TRUE_FALSE')
    return [
      { key: 'TRUE', html: 'True', isRight: answer === 'TRUE' },
      { key: 'FALSE', html: 'False', isRight: answer === 'FALSE' },
    ]
  return options.map((text, place) => ({
    key: String.fromCharCode(65 + place),
    html: renderInline(text),
    isRight: text === answer,
  }))
}
