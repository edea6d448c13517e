import type { NotificationFieldsFragment } from '../../gql/graphql.ts'
import type { Route } from '../shell/use-route.ts'

/**
 * Returns the route to a notification's subject; null when the subject has no page or no longer
 * exists.
 */
export function leadOf(about: NotificationFieldsFragment['about']): Partial<Route> | null {
  if (about === null) return null
  const { id } = about
  // Wider than the fragment's own union: a newer server sends types that have no page here.
  const type: string = about.__typename
  switch (type) {
    case 'Roadmap':
      return { roadmapId: id }
    case 'Document':
      return { documentId: id }
    case 'Quiz':
      return { quizId: id }
    case 'Session':
      return { sessionId: id }
    case 'Project':
      return { projectId: id }
    case 'Task':
      return { taskId: id }
    case 'Concept': {
      const { roadmap } = about as Extract<typeof about, { readonly __typename: 'Concept' }>
      return roadmap === null ? null : { roadmapId: roadmap.id, conceptId: id }
    }
    case 'Question': {
      const { quiz } = about as Extract<typeof about, { readonly __typename: 'Question' }>
      return quiz === null ? null : { quizId: quiz.id }
    }
    default:
      return null
  }
}

/** Whether the current page shows the target of a link. */
export function isShownOn(route: Route, lead: Partial<Route> | null): boolean {
  return lead !== null && (Object.keys(lead) as (keyof Route)[]).every((key) => route[key] === lead[key])
}
