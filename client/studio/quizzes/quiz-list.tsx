import type { ReactElement } from 'react'
import { GenerateQuizDocument, QuizListDocument } from '../../gql/graphql.ts'
import { useTaskMutation } from '../../react/use-task-mutation.ts'
import { ActionButton } from '../action-button.tsx'
import { ActiveNote } from '../active-note.tsx'
import { Link } from '../link.tsx'
import { useFetched } from '../use-fetched.ts'
import { useRoute } from '../use-route.ts'

const states = {
  GENERATING: 'Being made',
  DRAFT: 'To be reviewed',
  FAILED: 'Could not be made',
  PUBLISHED: 'Published',
} as const

/** The viewer's quizzes; nothing while there is none. */
export function QuizList(): ReactElement | null {
  const { data } = useFetched(QuizListDocument, {})
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
            <p className="note">
              {activeTask === null ? (
                states[status]
              ) : (
                <ActiveNote taskId={activeTask.id} active="Being made" over="To be reviewed" />
              )}
            </p>
          </li>
        ))}
      </ul>
    </section>
  )
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
    <ActionButton
      name="Make a quiz"
      label={`Make a quiz of ${title}`}
      run={make}
      isSending={isSending}
      refusal={refusal}
    />
  )
}
