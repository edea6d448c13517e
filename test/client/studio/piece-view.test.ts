import { expect, test } from 'vitest'
import { type TaskItem, type TaskState, unknownTask } from '../../../client/reduce/task-state.ts'
import { viewPiece } from '../../../client/studio/roadmaps/piece-view.ts'

const error = { code: 'X', message: 'No.', retryable: false, advice: null }
const working = (status: TaskItem['status'], rest: Partial<TaskState> = {}): TaskState => ({
  ...unknownTask('task_1'),
  items: new Map([
    [
      'concept_1:QUIZ',
      { key: 'concept_1:QUIZ', label: 'Quiz', status, percent: 0, error: status === 'FAILED' ? error : null },
    ],
  ]),
  outputs: new Map([['concept_1:QUIZ', { text: '# Quiz', startsAt: 0 }]]),
  ...rest,
})
const over = { isOver: true, status: 'CANCELED' } as const

test.each([
  ['no task', 'COMPLETED', [], 'COMPLETED', null],
  ['waits its turn in a batch', 'FAILED', [working('PENDING')], 'PENDING', null],
  ['waits its turn and was asked for alone', 'GENERATING', [working('PENDING')], 'GENERATING', null],
  ['is being made', 'FAILED', [working('RUNNING')], 'GENERATING', '# Quiz'],
  ['was made', 'GENERATING', [working('COMPLETED')], 'COMPLETED', '# Quiz'],
  ['failed', 'GENERATING', [working('FAILED')], 'FAILED', null],
  ['was left over by a task that is over', 'FAILED', [working('RUNNING', over)], 'FAILED', null],
  ['the newest task counts', 'FAILED', [working('FAILED'), working('RUNNING')], 'GENERATING', '# Quiz'],
] as const)('a piece that %s', (_, base, tasks, status, text) => {
  expect(viewPiece({ status: base, error: null }, 'concept_1', 'QUIZ', tasks)).toMatchObject({ status, text })
})

test('a piece beyond the loaded items of its task shows its text while it is generated', () => {
  const task = working('PENDING', { items: new Map() })
  const view = (status: 'GENERATING' | 'COMPLETED', rest: Partial<TaskState> = {}) =>
    viewPiece({ status, error: null }, 'concept_1', 'QUIZ', [{ ...task, ...rest }])
  expect(view('GENERATING')).toEqual({ status: 'GENERATING', error: null, text: '# Quiz' })
  expect(view('COMPLETED').text).toBeNull()
  expect(view('GENERATING', over).text).toBeNull()
})

test('a text with a missing beginning is not shown as complete', () => {
  const task = working('RUNNING', { outputs: new Map([['concept_1:QUIZ', { text: 'end', startsAt: 9 }]]) })
  expect(viewPiece({ status: 'GENERATING', error: null }, 'concept_1', 'QUIZ', [task]).text).toBeNull()
})
