import type { ReactElement } from 'react'
import { type DocumentSummaryFieldsFragment, LibraryDocument, type LibraryQuery } from '../../gql/graphql.ts'
import { ActiveNote } from '../parts/active-note.tsx'
import { formatDay } from '../parts/dates.ts'
import { Link } from '../parts/link.tsx'
import { Problem } from '../parts/problem.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { MakeQuizButton, QuizList } from '../quizzes/quiz-list.tsx'
import { MakeRoadmapButton } from '../roadmaps/make-roadmap.tsx'
import { TokenForm } from '../token-form.tsx'
import { useFetched } from '../use-fetched.ts'
import { ImportPanel } from './import-panel.tsx'
import { useTitle } from './use-title.ts'

/** The home page: import a document, and see the existing content. */
export function Home(): ReactElement {
  useTitle('Home')
  const { data, isLoading, failure, isRefused, refetch } = useFetched(LibraryDocument, {})
  if (isRefused || data?.viewer === null) return <TokenForm />
  return (
    <div className="home">
      <div className="hero">
        <h1>
          <span>Drop in a document.</span> <span>Watch it become a roadmap.</span>
        </h1>
        <p>Each section turns into lessons, resources and a quiz, as you watch.</p>
      </div>
      <ImportPanel />
      <Refusal text={data === undefined ? failure : null} onAgain={refetch} />
      <section aria-labelledby="roadmaps">
        <h2 id="roadmaps">Roadmaps</h2>
        {data === undefined ? <p className="note">{isLoading ? 'Loading …' : ''}</p> : <Roadmaps data={data} />}
      </section>
      <QuizList />
      {data !== undefined && data.documents.nodes.length > 0 ? (
        <section aria-labelledby="documents">
          <h2 id="documents">Documents</h2>
          <ul className="cards">
            {data.documents.nodes.map((document) => (
              <DocumentCard key={document.id} document={document} onRead={refetch} />
            ))}
          </ul>
        </section>
      ) : null}
      <footer className="home-foot note">
        For developers: <a href="/graphql">GraphiQL</a>, with prepared operations for this API.
      </footer>
    </div>
  )
}

function Roadmaps({ data }: { readonly data: LibraryQuery }): ReactElement {
  if (data.roadmaps.nodes.length === 0) return <p className="note">No roadmaps yet. Import a document to create one.</p>
  return (
    <ul className="cards">
      {data.roadmaps.nodes.map(({ id, title, createdAt, activeTask }) => (
        <li key={id} className="card">
          <Link to={{ roadmapId: id }} className="card-title">
            {title}
          </Link>
          {activeTask === null ? (
            <p className="note">{formatDay(createdAt)}</p>
          ) : (
            <ActiveNote taskId={activeTask.id} label={`Generating ${title}`} active="Generating" over="Ready" />
          )}
        </li>
      ))}
    </ul>
  )
}

function DocumentCard(props: {
  readonly document: DocumentSummaryFieldsFragment
  readonly onRead: () => void
}): ReactElement {
  const { document, onRead } = props
  const { id, title, name, status, wordCount, error, activeTask } = document
  return (
    <li className="card">
      <Link to={{ documentId: id }} className="card-title">
        {title}
      </Link>
      {status === 'READY' ? (
        <p className="note">
          {name}, {wordCount.toLocaleString()} words
        </p>
      ) : null}
      {status === 'PROCESSING' ? (
        <ActiveNote
          taskId={activeTask?.id ?? null}
          label={`Converting ${name}`}
          active="Converting"
          over="Converting"
          onOver={onRead}
        />
      ) : null}
      {status === 'FAILED' ? (
        <p className="failure">
          <Problem error={error ?? { message: 'The document could not be read' }} />
        </p>
      ) : null}
      {status === 'READY' ? (
        <p>
          <MakeRoadmapButton documentId={id} title={title} />
          <MakeQuizButton documentId={id} title={title} />
        </p>
      ) : null}
    </li>
  )
}
