import type { ReactElement } from 'react'
import { GenerateQuizDocument, QuizListDocument } from '../../gql/graphql.ts'
import { useTaskMutation } from '../../react/index.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { ActiveNote } from '../parts/active-note.tsx'
import { Link } from '../parts/link.tsx'
import { useRoute } from '../shell/use-route.ts'
import { useFetched } from '../use-fetched.ts'

const states = {
  GENERATING: 'Generating',
  DRAFT: 'Ready for review',
  FAILED: 'Failed',
  PUBLISHED: 'Published',
} as const

/** The viewer's quizzes; renders nothing when there are none. */
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
            {activeTask === null ? (
              <p className="note">{states[status]}</p>
            ) : (
              <ActiveNote
                taskId={activeTask.id}
                label={`Generating ${title}`}
                active={states.GENERATING}
                over={states.DRAFT}
              />
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Creates a quiz from a document and navigates to it. */
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
      name="Generate quiz"
      label={`Generate quiz of ${title}`}
      run={make}
      isSending={isSending}
      refusal={refusal}
    />
  )
}
