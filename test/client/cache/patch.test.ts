import { gql } from '@urql/core'
import { describe, expect, test } from 'vitest'
import { type FindField, patchData } from '../../../client/cache/patch.ts'

const objectTypes = new Set(['Task', 'Concept', 'Content', 'TaskError'])
const patch = (text: string, data: Record<string, unknown>, find: FindField) =>
  patchData(gql(text) as never, data, objectTypes, find)
const known =
  (values: Readonly<Record<string, unknown>>): FindField =>
  (type, id, field) =>
    values[`${type ?? '?'} ${id} ${field}`]

describe('patchData', () => {
  test('finds fields behind aliases and fragments', () => {
    const text = `
      query { list { ...Part } }
      fragment Part on Node { __typename key: id ... on Task { state: status progress { percent } } }`
    const data = {
      list: [
        { __typename: 'Task', key: 'a', state: 'RUNNING', progress: { percent: 1 } },
        { __typename: 'Task', key: 'b', state: 'RUNNING', progress: { percent: 2 } },
      ],
    }
    const find = known({ 'Task a status': 'COMPLETED', 'Task a progress': { percent: 100, stage: 'end' } })
    const patched = patch(text, data, find)
    expect(patched.hasStatusChanged).toBe(true)
    expect(patched.data).toEqual({
      list: [
        { __typename: 'Task', key: 'a', state: 'COMPLETED', progress: { percent: 100 } },
        { __typename: 'Task', key: 'b', state: 'RUNNING', progress: { percent: 2 } },
      ],
    })
    // Only changed objects are copied.
    expect((patched.data['list'] as unknown[])[1]).toBe(data.list[1])
  })

  test('returns the same data when nothing is newer', () => {
    const data = { task: { __typename: 'Task', id: 'a', status: 'RUNNING' } }
    for (const find of [known({}), known({ 'Task a status': 'RUNNING' }), known({ 'Concept a status': 'FAILED' })])
      expect(patch('{ task { __typename id status } }', data, find)).toEqual({ data, hasStatusChanged: false })
    expect(patch('{ task { __typename id status } }', data, known({})).data).toBe(data)
  })

  test('distinguishes fields of one key by the type of the object', () => {
    const text = '{ node { __typename id ... on Task { value: status } ... on Concept { value: title } } }'
    const data = { node: { __typename: 'Concept', id: 'a', value: 'Rivers' } }
    expect(patch(text, data, known({ 'Concept a status': 'FAILED' })).data).toBe(data)
    expect(patch(text, data, known({ 'Concept a title': 'Seas' })).data).toEqual({
      node: { ...data.node, value: 'Seas' },
    })
  })

  test('creates an object that the result does not have when all its fields are known', () => {
    const text = '{ task { __typename id error { __typename code advice } } }'
    const data = { task: { __typename: 'Task', id: 'a', error: null } }
    const error = { __typename: 'TaskError', code: 'TOO_LARGE' }
    expect(patch(text, data, known({ 'Task a error': error })).data).toBe(data)
    expect(patch(text, data, known({ 'Task a error': { ...error, advice: null } })).data).toEqual({
      task: { ...data.task, error: { ...error, advice: null } },
    })
  })

  test('finds objects by their id alone where the result does not include their type', () => {
    const data = { node: { id: 'a', quiz: { status: 'FAILED', body: 'old' } } }
    const find = known({ '? a quiz': { status: 'GENERATING' } })
    expect(patch('{ node { id ... on Concept { quiz { status body } } } }', data, find).data).toEqual({
      node: { id: 'a', quiz: { status: 'GENERATING', body: 'old' } },
    })
  })
})
