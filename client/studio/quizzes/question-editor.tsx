import { type ReactElement, useId, useState } from 'react'
import { EditQuestionDocument } from '../../gql/graphql.ts'
import { Refusal } from '../parts/refusal.tsx'
import { useChange } from '../use-change.ts'
import type { Question } from './use-quiz.ts'

/** Edits the text of a question. */
export function QuestionEditor({
  question,
  onDone,
}: {
  readonly question: Question
  readonly onDone: () => void
}): ReactElement {
  const { id, kind, position } = question
  const name = useId()
  const [prompt, setPrompt] = useState(question.prompt)
  const [options, setOptions] = useState(question.options.map(({ text }) => text))
  const [right, setRight] = useState(question.options.findIndex(({ key }) => key === question.answerKey))
  const [answer, setAnswer] = useState(question.answer)
  const [explanation, setExplanation] = useState(question.explanation)
  const { run, isSending, refusal } = useChange(EditQuestionDocument)
  const save = async (): Promise<void> => {
    const choice = { options, answer: options[right] ?? '' }
    const answers =
      kind === 'MULTIPLE_CHOICE' ? choice : { answer: kind === 'CLOZE' ? answer : right === 0 ? 'TRUE' : 'FALSE' }
    const data = await run({ input: { questionId: id, prompt, explanation, ...answers } })
    if (data !== undefined) onDone()
  }
  return (
    <form
      className="question-editor"
      aria-label={`Edit question ${position}`}
      onSubmit={(event) => {
        event.preventDefault()
        void save()
      }}
    >
      <label>
        Question, in Markdown
        <textarea
          // biome-ignore lint/a11y/noAutofocus: it was asked for with the button that it replaces
          autoFocus
          rows={4}
          value={prompt}
          onChange={(event) => setPrompt(event.target.value)}
        />
      </label>
      {kind === 'CLOZE' ? (
        <label>
          What the gap stands for
          <input value={answer} onChange={(event) => setAnswer(event.target.value)} />
        </label>
      ) : (
        <fieldset>
          <legend>Answers (select the correct one)</legend>
          {options.map((text, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: an option is its place while it is written
            <div key={place} className="option-edit">
              <input
                type="radio"
                name={name}
                aria-label={`Option ${place + 1} is correct`}
                checked={place === right}
                onChange={() => setRight(place)}
              />
              {kind === 'TRUE_FALSE' ? (
                <span>{text}</span>
              ) : (
                <input
                  aria-label={`Option ${place + 1}`}
                  value={text}
                  onChange={(event) => setOptions(options.with(place, event.target.value))}
                />
              )}
            </div>
          ))}
        </fieldset>
      )}
      <label>
        Explanation, in Markdown
        <textarea rows={3} value={explanation} onChange={(event) => setExplanation(event.target.value)} />
      </label>
      <Refusal text={refusal} />
      <div className="question-actions">
        <button type="submit" className="primary" disabled={isSending}>
          Save
        </button>
        <button type="button" className="quiet" onClick={onDone}>
          Leave as it was
        </button>
      </div>
    </form>
  )
}
