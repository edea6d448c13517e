import type { ReactElement } from 'react'
import { DeleteQuizDocument, PublishQuizDocument } from '../../gql/graphql.ts'
import { DeleteButton } from '../parts/confirm-button.tsx'
import { Link } from '../parts/link.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { useRoute } from '../shell/use-route.ts'
import { useTitle } from '../shell/use-title.ts'
import { TaskPanel } from '../tasks/task-panel.tsx'
import { useChange } from '../use-change.ts'
import { QuestionCard } from './question-card.tsx'
import { type Quiz, useQuiz } from './use-quiz.ts'

/** A quiz for its owner: watched while it is being generated, then reviewed and published. */
export function QuizPage({ id }: { readonly id: string }): ReactElement {
  const { quiz, isLoading, failure, making, replacing, watch, refetch } = useQuiz(id)
  useTitle(quiz === null ? undefined : `Quiz: ${quiz.title}`)
  if (quiz === null)
    return (
      <p className="page-note" role={failure === null ? 'status' : 'alert'}>
        {failure ?? (isLoading ? 'Loading …' : 'There is no such quiz.')} <Link to={{}}>Home</Link>
      </p>
    )
  const { questions, status, note, document: source } = quiz
  const isMaking = making !== null && (!making.isOver || making.status !== 'COMPLETED')
  return (
    <div className="quiz">
      <header className="quiz-head">
        <p className="note">
          Quiz{source === null ? '' : ` from ${source.name}`}, {questions.length}{' '}
          {questions.length === 1 ? 'question' : 'questions'}
        </p>
        <h1>{quiz.title}</h1>
        {note === null ? null : <p className="quiz-note">{note}</p>}
        <Publishing quiz={quiz} onPublished={refetch} />
        <div className="quiz-delete">
          <DeleteQuiz quiz={quiz} />
        </div>
      </header>
      {isMaking ? <TaskPanel task={making} title="Generating quiz" onStarted={(taskId) => watch(taskId)} /> : null}
      <ol className="questions">
        {questions.map((question) => (
          <QuestionCard
            key={question.id}
            question={question}
            count={questions.length}
            isFrozen={status === 'PUBLISHED' || status === 'GENERATING'}
            task={replacing.get(question.id) ?? null}
            onReplacing={(taskId) => watch(taskId, question.id)}
          />
        ))}
      </ol>
    </div>
  )
}

function DeleteQuiz({ quiz: { id, title } }: { readonly quiz: Quiz }): ReactElement {
  const { run, isSending, refusal } = useChange(DeleteQuizDocument)
  const { go } = useRoute()
  const remove = async (): Promise<boolean> => {
    const isGone = (await run({ quizId: id })) !== undefined
    if (isGone) go({}, true)
    return isGone
  }
  return (
    <DeleteButton title={title} act={remove} isSending={isSending} refusal={refusal}>
      Its questions, how it was taken and what was logged of its making are gone for good. What works on it is canceled.
    </DeleteButton>
  )
}

function Publishing({
  quiz,
  onPublished,
}: {
  readonly quiz: Quiz
  readonly onPublished: () => void
}): ReactElement | null {
  const { id, status, acceptedCount, questions } = quiz
  const { run, isSending, refusal } = useChange(PublishQuizDocument)
  if (status === 'PUBLISHED')
    return (
      <p className="quiz-publish">
        <Link to={{ quizId: id, isTaking: true }} className="primary">
          Take the quiz
        </Link>
        <span className="note">
          Published with {acceptedCount} of {questions.length} questions. Anyone who is signed in can open its link.
        </span>
      </p>
    )
  if (status !== 'DRAFT') return null
  return (
    <p className="quiz-publish">
      <button
        type="button"
        className="primary"
        disabled={isSending || acceptedCount === 0}
        onClick={() => {
          void run({ quizId: id }).then((data) => {
            if (data !== undefined) onPublished()
          })
        }}
      >
        Publish
      </button>
      <span className="note">
        {acceptedCount} of {questions.length} accepted; only those are published.
      </span>
      <Refusal text={refusal} isInline />
    </p>
  )
}
