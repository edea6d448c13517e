import { describe, expect, test } from 'vitest'
import { formIssueOf, isRight } from '../../../src/studio/quizzes/grading.ts'
import type { QuestionBody } from '../../../src/studio/quizzes/quiz.ts'

const bodyOf = (changes: Partial<QuestionBody>): QuestionBody => ({
  kind: 'CLOZE',
  prompt: 'A _____ holds the dough.',
  options: [],
  answer: 'banneton',
  alternatives: [],
  explanation: 'The text says so.',
  difficulty: 'MEDIUM',
  citation: { sectionKey: 'tools', heading: 'Tools', quotation: 'A banneton holds the dough.' },
  ...changes,
})

describe('grading a cloze', () => {
  test.each([
    ['banneton', 'banneton'],
    ['banneton', '  Banneton. '],
    ['banneton', 'the banneton'],
    ['banneton', '“a banneton”'],
    ['banneton', 'baneton'],
    ['banneton', 'bannetton'],
    ['banneton', 'bannetom'],
    ['oven door', 'oven  door'],
    ['.parse()', '`.parse()`'],
    ['.parse()', '.parse'],
    ['perMessageDeflate', 'permessagedeflate'],
    ['8 hours', '8 Hours'],
  ])('%s is answered by %j', (answer, given) => {
    expect(isRight(bodyOf({ answer }), given)).toBe(true)
  })

  test.each([
    ['banneton', ''],
    ['banneton', 'basket'],
    ['banneton', 'bnneto'],
    ['tools', 'tool'],
    ['perMessageDeflate', 'perMessageDeflat'],
    ['8 hours', '9 hours'],
    ['maximum', 'minimum'],
    ['.parse()', '.parseAsync()'],
  ])('%s is not answered by %j', (answer, given) => {
    expect(isRight(bodyOf({ answer }), given)).toBe(false)
  })

  test('accepts alternatives', () => {
    expect(isRight(bodyOf({ answer: 'syntax trees', alternatives: ['syntax tree'] }), 'Syntax tree')).toBe(true)
  })
})

describe('grading a choice', () => {
  const choice = bodyOf({ kind: 'MULTIPLE_CHOICE', options: ['a peel', 'a lame', 'a couche'], answer: 'a lame' })
  const statement = bodyOf({ kind: 'TRUE_FALSE', answer: 'FALSE' })

  test('compares the key of the option', () => {
    expect(['A', 'B', 'b', 'C'].map((given) => isRight(choice, given))).toEqual([false, true, true, false])
    expect(['TRUE', 'FALSE', 'false'].map((given) => isRight(statement, given))).toEqual([false, true, true])
  })

  test('refuses an unknown key', () => {
    expect(formIssueOf(choice, 'D')).toBe('"D" is none of the options A, B, C')
    expect(formIssueOf(statement, 'yes')).toContain('TRUE, FALSE')
    expect(formIssueOf(choice, 'c')).toBeUndefined()
    expect(formIssueOf(bodyOf({}), 'anything')).toBeUndefined()
  })
})
