import { type ReactElement, useState } from 'react'
import { useQuery } from 'urql'
import {
  QuizToTakeDocument,
  type QuizToTakeQuery,
  SubmitQuizDocument,
  type SubmitQuizMutation,
} from '../../gql/graphql.ts'
import { describeError } from '../../react/index.ts'
import { Link } from '../parts/link.tsx'
import { Markdown } from '../parts/markdown.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { useTitle } from '../shell/use-title.ts'
import { useChange } from '../use-change.ts'
import { Inline } from './inline.tsx'

type Quiz = NonNullable<QuizToTakeQuery['publishedQuiz']>
type Attempt = Extract<SubmitQuizMutation['submitQuiz'], { readonly __typename: 'SubmitQuizSuccess' }>['attempt']
type Result = Attempt['results'][number]

/** A published quiz: to be answered and submitted, then with the results. */
export function TakePage({ id }: { readonly id: string }): ReactElement {
  const [{ data, fetching, error }] = useQuery({ query: QuizToTakeDocument, variables: { id } })
  const quiz = data?.publishedQuiz ?? null
  useTitle(quiz?.title)
  if (quiz === null)
    return (
      <p className="page-note" role={error === undefined ? 'status' : 'alert'}>
        {describeError(error) ?? (fetching ? 'Loading …' : 'There is no such quiz, or it is not published.')}{' '}
        <Link to={{}}>Home</Link>
      </p>
    )
  return <Paper quiz={quiz} />
}

function Paper({ quiz }: { readonly quiz: Quiz }): ReactElement {
  const [answers, setAnswers] = useState<Readonly<Record<string, string>>>({})
  const [attempt, setAttempt] = useState<Attempt | null>(null)
  const { run, isSending, refusal } = useChange(SubmitQuizDocument)
  const submit = async (): Promise<void> => {
    const answerInputs = Object.entries(answers).map(([questionId, answer]) => ({ questionId, answer }))
    const data = await run({ input: { quizId: quiz.id, answers: answerInputs } })
    if (data?.submitQuiz.__typename !== 'SubmitQuizSuccess') return
    setAttempt(data.submitQuiz.attempt)
    window.scrollTo({ top: 0 })
  }
  const again = (): void => {
    setAttempt(null)
    setAnswers({})
  }
  const results = new Map(attempt?.results.map((result) => [result.question.id, result]))
  const openCount = quiz.questions.filter(({ id }) => (answers[id] ?? '').trim() === '').length
  return (
    <form
      className="quiz"
      onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}
    >
      <header className="quiz-head">
        <p className="note">Quiz, {quiz.questions.length} questions</p>
        <h1>{quiz.title}</h1>
        {attempt === null ? null : (
          <p className="score" role="status">
            <strong>
              {attempt.correctCount} of {attempt.questionCount}
            </strong>{' '}
            right, {attempt.percent} %
          </p>
        )}
      </header>
      <ol className="questions">
        {quiz.questions.map((question) => (
          <li
            key={question.id}
            className="question"
            aria-label={`Question ${question.position}`}
            data-right={results.get(question.id)?.isCorrect}
          >
            <p className="question-head">
              <span className="question-number">{question.position}</span>
            </p>
            <Markdown text={question.prompt} isGrowing={false} />
            <AnswerField
              question={question}
              value={answers[question.id] ?? ''}
              result={results.get(question.id) ?? null}
              onChange={(answer) => setAnswers({ ...answers, [question.id]: answer })}
            />
          </li>
        ))}
      </ol>
      <Refusal text={refusal} />
      <p className="quiz-publish">
        {attempt === null ? (
          <>
            <button type="submit" className="primary" disabled={isSending}>
              Hand in
            </button>
            {openCount > 0 ? <span className="note">{openCount} still open</span> : null}
          </>
        ) : (
          <button type="button" className="primary" onClick={again}>
            Take it again
          </button>
        )}
      </p>
    </form>
  )
}

function AnswerField(props: {
  readonly question: Quiz['questions'][number]
  readonly value: string
  readonly result: Result | null
  readonly onChange: (answer: string) => void
}): ReactElement {
  const { question, value, result, onChange } = props
  const { id, kind, options, position } = question
  const isOver = result !== null
  return (
    <>
      {kind === 'CLOZE' ? (
        <input
          className="gap"
          aria-label={`Answer to question ${position}`}
          autoComplete="off"
          value={value}
          disabled={isOver}
          onChange={(event) => onChange(event.target.value)}
        />
      ) : (
        <ul className="options">
          {options.map(({ key, text }) => (
            <li
              key={key}
              data-right={isOver && key === result.answerKey}
              data-wrong={isOver && value === key && !result.isCorrect}
            >
              <label>
                <input
                  type="radio"
                  name={id}
                  value={key}
                  checked={value === key}
                  disabled={isOver}
                  onChange={() => onChange(key)}
                />
                <span>
                  <Inline text={text} />
                </span>
              </label>
            </li>
          ))}
        </ul>
      )}
      {result === null ? null : (
        <div className="result" data-right={result.isCorrect}>
          <p>
            {result.isCorrect ? 'Correct.' : result.given === null ? 'Not answered.' : 'Incorrect.'}{' '}
            {result.isCorrect ? null : (
              <>
                The answer is <Inline text={result.answer} />.
              </>
            )}
          </p>
          <blockquote className="citation">
            {result.citation.quotation}
            <cite>{result.citation.heading}</cite>
          </blockquote>
        </div>
      )}
    </>
  )
}
