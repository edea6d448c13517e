import type { ReactElement } from 'react'

/** A problem at a position in a file. */
export interface Problem {
  readonly path: string
  readonly line: number | null
  readonly column: number | null
  readonly message: string
}

/** The problems that made a sync fail; pressing one leads to its position. */
export function ProblemList(props: {
  readonly problems: readonly Problem[]
  readonly onSelect: (problem: Problem) => void
}): ReactElement {
  const { problems, onSelect } = props
  return (
    <section className="problems" aria-label="Problems">
      <div role="alert">
        <h2>
          {problems.length} {problems.length === 1 ? 'problem' : 'problems'}
        </h2>
      </div>
      <ul>
        {problems.map((problem) => {
          const { path, line, column, message } = problem
          return (
            <li key={`${path} ${line} ${column} ${message}`}>
              <button type="button" className="problem" onClick={() => onSelect(problem)}>
                <span className="problem-place">
                  {path === '' ? 'The project' : path}
                  {line === null ? '' : `, line ${line}`}
                  {line === null || column === null ? '' : `, column ${column}`}
                </span>
                <span>{message}</span>
              </button>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
