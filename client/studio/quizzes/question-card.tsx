import { type ReactElement, useState } from 'react'
import {
  AcceptQuestionDocument,
  MoveQuestionDocument,
  ReplaceQuestionDocument,
  UndoQuestionDocument,
} from '../../gql/graphql.ts'
import type { TaskState } from '../../index.ts'
import { ProgressBar, useTaskMutation } from '../../react/index.ts'
import { Markdown } from '../parts/markdown.tsx'
import { Problem } from '../parts/problem.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { CancelButton } from '../tasks/task-actions.tsx'
import { useChange } from '../use-change.ts'
import { Inline } from './inline.tsx'
import { QuestionEditor } from './question-editor.tsx'
import type { Question } from './use-quiz.ts'

const kindNames = {
  MULTIPLE_CHOICE: 'Multiple choice',
  CLOZE: 'Fill in the blank',
  TRUE_FALSE: 'True or false',
} as const
const difficultyNames = { EASY: 'easy', MEDIUM: 'medium', HARD: 'hard' } as const

/** A question under review: its text, its source, and the available actions. */
export function QuestionCard(props: {
  readonly question: Question
  readonly count: number
  readonly isFrozen: boolean
  /** Its newest replacement task; null when there was none since the page was opened. */
  readonly task: TaskState | null
  readonly onReplacing: (taskId: string) => void
}): ReactElement {
  const { question, count, isFrozen, task, onReplacing } = props
  const { id, position, kind, prompt, difficulty, explanation, citation, isAccepted, version } = question
  const [isEditing, setEditing] = useState(false)
  const isReplacing = task !== null && !task.isOver
  const label = `Question ${position}`
  return (
    <li className="question" data-accepted={isAccepted} data-replacing={isReplacing} aria-label={label}>
      <p className="question-head">
        <span className="question-number">{position}</span>
        <span className="note">
          {kindNames[kind]}, {difficultyNames[difficulty]}
        </span>
        {isAccepted ? <span className="question-accepted">Accepted</span> : null}
      </p>
      {isEditing ? (
        <QuestionEditor question={question} onDone={() => setEditing(false)} />
      ) : (
        // The key makes the new version fade in at the same position.
        <div className="question-body" key={version}>
          <Markdown text={prompt} isGrowing={false} />
          <Answer question={question} />
          <details>
            <summary>Explanation and source</summary>
            <Markdown text={explanation} isGrowing={false} />
            <blockquote className="citation">
              {citation.quotation}
              <cite>{citation.heading}</cite>
            </blockquote>
          </details>
        </div>
      )}
      {isReplacing ? (
        <div className="question-task">
          <ProgressBar task={task} label={`Replacing question ${position}`} />
          <CancelButton id={task.id} label={`Keep question ${position}`} />
        </div>
      ) : null}
      {task?.status === 'FAILED' && task.error !== null ? (
        <p className="failure" role="alert">
          <Problem error={task.error} />
        </p>
      ) : null}
      {isFrozen || isEditing ? null : (
        <Actions
          key={id}
          question={question}
          count={count}
          isReplacing={isReplacing}
          onEdit={() => setEditing(true)}
          onReplacing={onReplacing}
        />
      )}
    </li>
  )
}

function Answer({
  question: { kind, options, answer, answerKey, alternatives },
}: {
  readonly question: Question
}): ReactElement {
  if (kind === 'CLOZE')
    return (
      <p className="question-answer">
        <strong>{answer}</strong>
        {alternatives.length > 0 ? <span className="note"> or {alternatives.join(', ')}</span> : null}
      </p>
    )
  return (
    <ul className="options">
      {options.map(({ key, text }) => (
        <li key={key} data-right={key === answerKey}>
          {kind === 'MULTIPLE_CHOICE' ? <span className="option-key">{key}</span> : null}
          <span>
            <Inline text={text} />
          </span>
          {key === answerKey ? <span className="option-mark">correct</span> : null}
        </li>
      ))}
    </ul>
  )
}

function Actions(props: {
  readonly question: Question
  readonly count: number
  readonly isReplacing: boolean
  readonly onEdit: () => void
  readonly onReplacing: (taskId: string) => void
}): ReactElement {
  const { question, count, isReplacing, onEdit, onReplacing } = props
  const { id, position, isAccepted, canUndo } = question
  const accept = useChange(AcceptQuestionDocument)
  const move = useChange(MoveQuestionDocument)
  const undo = useChange(UndoQuestionDocument)
  const replace = useTaskMutation(ReplaceQuestionDocument)
  const [isAsking, setAsking] = useState(false)
  const refusal = accept.refusal ?? move.refusal ?? undo.refusal ?? replace.refusal
  const isBusy = isReplacing || accept.isSending || undo.isSending || replace.isSending
  const start = async (reason: string): Promise<void> => {
    setAsking(false)
    const { task } = await replace.run({ questionId: id, ...(reason === '' ? {} : { reason }) })
    if (task !== null) onReplacing(task.id)
  }
  const button = (name: string, run: () => unknown, isDisabled = isBusy, isPrimary = false): ReactElement => (
    <button
      type="button"
      className={isPrimary ? 'primary' : 'quiet'}
      aria-label={`${name}: question ${position}`}
      disabled={isDisabled}
      onClick={() => {
        void run()
      }}
    >
      {name}
    </button>
  )
  return (
    <>
      <div className="question-actions">
        {button(
          isAccepted ? 'Undo' : 'Accept',
          () => accept.run({ questionId: id, accepted: !isAccepted }),
          isBusy,
          !isAccepted,
        )}
        {button('Edit', onEdit)}
        {button('Replace', () => setAsking(!isAsking))}
        {canUndo ? button('Undo', () => undo.run({ questionId: id })) : null}
        <span className="question-moves">
          {button('Up', () => move.run({ questionId: id, position: position - 1 }), position === 1 || move.isSending)}
          {button(
            'Down',
            () => move.run({ questionId: id, position: position + 1 }),
            position === count || move.isSending,
          )}
        </span>
      </div>
      {isAsking ? <ReasonForm position={position} onSubmit={start} /> : null}
      <Refusal text={refusal} />
    </>
  )
}

function ReasonForm(props: {
  readonly position: number
  readonly onSubmit: (reason: string) => Promise<void>
}): ReactElement {
  const { position, onSubmit } = props
  const [reason, setReason] = useState('')
  return (
    <form
      className="question-reason"
      onSubmit={(event) => {
        event.preventDefault()
        void onSubmit(reason.trim())
      }}
    >
      <label>
        What is wrong with question {position}?{' '}
        <input
          // biome-ignore lint/a11y/noAutofocus: it was asked for with the button before it
          autoFocus
          value={reason}
          maxLength={1_000}
          placeholder="Optional"
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      <button type="submit" className="primary">
        Find another
      </button>
    </form>
  )
}
