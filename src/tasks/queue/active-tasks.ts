/**
 * The tasks that are not final, to be selected `from`. A union of one query per state: each state
 * has an index of its own, which a condition on several states would not use; it would scan all
 * tasks ever created.
 */
export const activeTasks = `(${['QUEUED', 'RUNNING', 'RETRYING']
  .map((status) => `select id, kind, status, owner, subject, input, created_at from task where status = '${status}'`)
  .join(' union all ')})`
