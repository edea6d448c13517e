import { describe, expect, test } from 'vitest'
import { splitDatabaseUrl } from '../src/database-url.ts'

describe('the URL of a database', () => {
  test.each([
    ['postgres://ada:secret@a:5432/tidings', ['postgres://ada:secret@a:5432/tidings']],
    ['postgres:///tidings?host=/run/postgresql', ['postgres:///tidings?host=/run/postgresql']],
    [
      'postgresql://ada:s,e@a:5432,[::1]:5433,c/tidings?sslmode=require',
      [
        'postgresql://ada:s,e@a:5432/tidings?sslmode=require',
        'postgresql://ada:s,e@[::1]:5433/tidings?sslmode=require',
        'postgresql://ada:s,e@c/tidings?sslmode=require',
      ],
    ],
    ['postgres://a,b?user=ada', ['postgres://a?user=ada', 'postgres://b?user=ada']],
  ])('is split into one for each server: %s', (text, urls) => {
    expect(splitDatabaseUrl(text)).toEqual(urls)
  })

  test.each([
    ['mysql://a/b', 'is no URL of PostgreSQL'],
    ['a,b', 'is no URL of PostgreSQL'],
    ['postgres://a:x,b/c', 'has a host or a port that is none'],
    ['postgres://a,,b/c', 'has an empty host'],
    ['postgres://ada:secret@a,,b/c', 'has a host or a port that is none'],
    ['postgres://ada:secret@a:70000/c', 'has a host or a port that is none'],
  ])('is refused without its password: %s', (text, message) => {
    expect(() => splitDatabaseUrl(text)).toThrow(message)
  })
})
