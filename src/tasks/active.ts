/**
 * Tasks that are not over, `from` this: each state has an index of its own, which a condition on several states does not use; it would
 * read all tasks that ever were.
 */
export const activeTasks = `(${['QUEUED', 'RUNNING', 'RETRYING']
  .map((status) => `select id, kind, status, owner, subject, input, created_at from task where status = '${status}'`)
  .join(' union all ')})`
