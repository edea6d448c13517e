/** The columns of `quiz`, named as the properties of a quiz. */
export const quizColumns = `id, owner, document_id as "documentId", title, status, requested_count as "requestedCount", kinds, note, error,
  created_at as "createdAt", published_at as "publishedAt"`

/** The columns of `question_version v`, named as the properties of a version. */
export const versionColumns =
  'v.version, v.origin, v.reason, v.body, v.accepted_at as "acceptedAt", v.created_at as "createdAt"'

/** The columns of {@link questionSource}, named as the properties of a question. */
export const questionColumns = `q.id, q.quiz_id as "quizId", z.owner, q.place as position, v.parent, ${versionColumns}`
/** Finished questions, numbered within their quiz by `place`, from 1. */
export const questionSource = `(
    select *, row_number() over (partition by quiz_id order by position, id)::int as place from studio.question where version is not null
  ) q join studio.quiz z on z.id = q.quiz_id join studio.question_version v on v.question_id = q.id and v.version = q.version`
