import { type ReactElement, useCallback } from 'react'
import { useQuery } from 'urql'
import { GenerateQuizDocument, QuizListDocument } from '../../gql/graphql.ts'
import { useTask } from '../../react/use-task.ts'
import { useTaskMutation } from '../../react/use-task-mutation.ts'
import { Link } from '../link.tsx'
import { useRoute } from '../use-route.ts'
import { useWhenBack } from '../use-when-back.ts'

const states = {
  GENERATING: 'Being made',
  DRAFT: 'To be reviewed',
  FAILED: 'Could not be made',
  PUBLISHED: 'Published',
} as const

/** The viewer's quizzes; nothing while there is none. */
export function QuizList(): ReactElement | null {
  const [{ data }, execute] = useQuery({ query: QuizListDocument, requestPolicy: 'cache-and-network' })
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useWhenBack(refetch)
  const quizzes = data?.quizzes.nodes ?? []
  if (quizzes.length === 0) return null
  return (
    <section aria-labelledby="quizzes">
      <h2 id="quizzes">Quizzes</h2>
      <ul className="cards">
        {quizzes.map(({ id, title, status, activeTask }) => (
          <li key={id} className="card">
            <Link to={{ quizId: id }} className="card-title">
              {title}
            </Link>
            <p className="note">{activeTask === null ? states[status] : <ActiveNote taskId={activeTask.id} />}</p>
          </li>
        ))}
      </ul>
    </section>
  )
}

function ActiveNote({ taskId }: { readonly taskId: string }): ReactElement {
  const { task } = useTask(taskId)
  if (task === null) return <>Being made</>
  return <>{task.isOver ? 'To be reviewed' : `Being made, ${Math.floor(task.progress.percent)} %`}</>
}

/** Makes a quiz of a document and goes there. */
export function MakeQuizButton(props: { readonly documentId: string; readonly title: string }): ReactElement {
  const { documentId, title } = props
  const { run, isSending, refusal } = useTaskMutation(GenerateQuizDocument)
  const { go } = useRoute()
  const make = async (): Promise<void> => {
    const { data } = await run({ documentId, questionCount: 10 })
    if (data?.generateQuiz.__typename === 'GenerateQuizSuccess') go({ quizId: data.generateQuiz.quiz.id })
  }
  return (
    <>
      <button
        type="button"
        className="quiet"
        aria-label={`Make a quiz of ${title}`}
        disabled={isSending}
        onClick={() => {
          void make()
        }}
      >
        Make a quiz
      </button>
      {refusal === null ? null : (
        <span className="failure" role="alert">
          {refusal}
        </span>
      )}
    </>
  )
}
